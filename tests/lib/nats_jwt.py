"""An operator, accounts and users of NATS, as nsc makes them: JWTs signed with Ed25519 keys by openssl.

    nats_jwt.py FOLDER      server.lines for the configuration of a server, and good.creds, which it lets in; it refuses
                            stranger.creds (an account that it does not know), expired.creds, forged.creds (signed with
                            another key than the account's) and mixed.creds (another user's seed)
"""
import base64, binascii, json, os, subprocess, sys, tempfile, time

KINDS = {"operator": 14, "account": 0, "user": 20}  # 'O', 'A', 'U'


def text(raw):
    return base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("=")


def url(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def openssl(*arguments, files):
    """Its output; each word {NAME} is a file with these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        for name, raw in files.items():
            with open(os.path.join(folder, name), "wb") as f:
                f.write(raw)
        return subprocess.run(["openssl", *[a.format(**{n: os.path.join(folder, n) for n in files}) for a in arguments]],
                              check=True, stdout=subprocess.PIPE).stdout


class Key:
    def __init__(self, kind):
        raw, prefix = os.urandom(32), KINDS[kind] << 3
        self.kind, self.der = kind, bytes.fromhex("302e020100300506032b657004220420") + raw
        public = openssl("pkey", "-inform", "DER", "-in", "{key}", "-pubout", "-outform", "DER", files={"key": self.der})[-32:]
        self.public = text(bytes([prefix]) + public)
        self.seed = text(bytes([18 << 3 | prefix >> 5, (prefix & 31) << 3]) + raw)

    def sign(self, data):
        return openssl("pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", "{key}", "-in", "{data}",
                       files={"key": self.der, "data": data})


def jwt(issuer, subject, claims, signer=None, **more):
    body = {"jti": subject.public, "iat": int(time.time()) - 60, "iss": issuer.public, "name": "test", "sub": subject.public,
            "nats": {**claims, "type": subject.kind, "version": 2}, **more}
    parts = ".".join(url(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body))
    return parts + "." + url((signer or issuer).sign(parts.encode()))


def main():
    operator, account, system, other = Key("operator"), Key("account"), Key("account"), Key("account")
    user, second = Key("user"), Key("user")
    limits = dict.fromkeys(["subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage",
                            "streams", "consumer"], -1)
    of_account = {"limits": {**limits, "wildcards": True}, "default_permissions": {"pub": {}, "sub": {}}}
    of_system = {**of_account, "limits": {**of_account["limits"], "mem_storage": 0, "disk_storage": 0}}
    of_user = {"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1}
    creds = {
        "good": (jwt(account, user, of_user), user),
        "stranger": (jwt(other, user, of_user), user),
        "expired": (jwt(account, user, of_user, exp=int(time.time()) - 30), user),
        "forged": (jwt(account, user, of_user, signer=other), user),
        "mixed": (jwt(account, user, of_user), second),
    }
    for name, (token, key) in creds.items():
        path = os.path.join(sys.argv[1], name + ".creds")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
                    f"-----BEGIN USER NKEY SEED-----\n{key.seed}\n------END USER NKEY SEED------\n")
    with open(os.path.join(sys.argv[1], "server.lines"), "w") as f:
        f.write(f"operator: {jwt(operator, operator, {})}\nsystem_account: {system.public}\nresolver: MEMORY\n"
                f"resolver_preload: {{\n{account.public}: {jwt(operator, account, of_account)}\n"
                f"{system.public}: {jwt(operator, system, of_system)}\n}}\n")


main()
