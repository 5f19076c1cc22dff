#!/bin/bash
# The steps of tools/packaging/container/Containerfile, taken from it, in folders that debootstrap filled: what a
# builder of images would do, without one. Then the container's command serves as its user, with a root
# folder that it cannot write to. Run as root by `make fresh`.
. "$(dirname "$0")/lib.sh"
HERE=tools/packaging/container

# instructions: each on a line, as NAME<tab>ARGUMENTS.
instructions() {
	awk '/^#/ { next } { line = line $0 } /\\$/ { sub(/\\$/, "", line); next }
		line != "" { name = line; sub(/ .*/, "", name); sub(/^[^ ]* */, "", line); print name "\t" line } { line = "" }' "$ROOT/$HERE/Containerfile"
}

# copy FROM... TO, from the sources or, with --from=STAGE, from another stage; a folder's contents, as COPY does.
copy() {
	local from=$ROOT to file
	case $1 in --from=*) from=$T/${1#--from=}; shift ;; esac
	to=${*: -1}
	case $to in /*) to=$R$to ;; *) to=$R$WORKDIR/$to ;; esac
	for file in "${@:1:$#-1}"; do
		if [ -d "$from/$file" ]; then
			mkdir -p "$to" && cp -a --no-preserve=ownership "$from/$file/." "$to/"
		else
			case $to in */ | */.) mkdir -p "$to" ;; *) mkdir -p "$(dirname "$to")" ;; esac
			cp "$from/$file" "$to"
		fi || return
	done
}

stages=0 WORKDIR=/ IMAGE_USER='' COMMAND='' EXTRA=()
step() { # NAME ARGUMENTS
	case $1 in
	FROM)
		set -- $2
		[[ $1 = debian:*-slim ]] || return # SUITE, in its place
		root_make "${3-image}" && services_forbid && WORKDIR=/ ;;
	RUN) inside env ${EXTRA[@]+"${EXTRA[@]}"} sh -c "cd $WORKDIR && $2" ;;
	COPY) copy $2 ;;
	WORKDIR) WORKDIR=$2 && mkdir -p "$R$2" ;;
	ENV) EXTRA+=("$2") ;;
	USER) IMAGE_USER=$2 ;;
	CMD) COMMAND=$(tr -d '[],"' <<<"$2") ;;
	EXPOSE | VOLUME | STOPSIGNAL) ;;
	*) echo "unknown: $1"; return 1 ;;
	esac
}

need "Debian $SUITE" base_make
instructions >"$T/steps"
while IFS=$'\t' read -r name arguments <&3; do
	step "$name" "$arguments" >"$T/said" 2>&1 || { tail -n 40 "$T/said"; check "$name $arguments" false; done_testing; }
	check "$name ${arguments:0:70}" true
done 3<"$T/steps"
is 'the user has no rights' "$IMAGE_USER" "$(inside id -u www-data):$(inside id -g www-data)"
check 'no compiler and no make is in the image' inside sh -c '! command -v cc && ! command -v make'
is 'each program has its libraries' "$(inside find /usr/bin/hookspool /usr/lib/hookspool -type f -exec ldd {} + | grep 'not found')" ''
check 'hookspool ship starts' inside hookspool ship --help
is 'no secret is in the image, and no key' "$(grep -E '^ *secret|^[^;#[]*key' "$R/etc/hookspool/hookspool.conf")" ''

SECRET='the secret of the container'
URL=http://127.0.0.1:$PORT/hookspool
mkdir "$T/served"
mount --rbind "$R" "$T/served" && mount -o remount,ro,bind "$T/served"
R=$T/served INSIDE[-1]=$T/served # the folder of chroot
for folder in run/hookspool var/lib/hookspool tmp; do
	mkdir -p "$T/writable/$folder" && mount --bind "$T/writable/$folder" "$R/$folder"
	chown "$IMAGE_USER" "$T/writable/$folder"
done
mkdir -m 700 "$T/writable/var/lib/hookspool/spool"
chown "$IMAGE_USER" "$T/writable/var/lib/hookspool/spool"

image_start() {
	env --default-signal "${INSIDE[@]}" setpriv --reuid="${IMAGE_USER%:*}" --regid="${IMAGE_USER#*:}" --clear-groups --no-new-privs --bounding-set=-all \
		env "${EXTRA[@]}" LIGHTTPD_PORT="$PORT" "$@" sh -c "cd / && exec $COMMAND" >>"$T/log" 2>&1 &
	server=$!
}
health() { curl -s -o "$T/page" -w '%{http_code}' --max-time 20 "$URL/health"; }
answers() { same "$(health)" "$1"; }
send() {
	printf '{"type":"track","event":"Tried","userId":"u-1","messageId":"%s"}' "$1" >"$T/body"
	curl -s -o "$T/page" -w '%{http_code}' --max-time 20 -H 'Content-Type: application/json' -H "X-Signature: $(openssl dgst -sha1 -hmac "$SECRET" -r <"$T/body" |
		cut -d ' ' -f 1)" --data-binary "@$T/body" "$URL"
}
image_stop() { kill -INT "$server" && wait_for not kill -0 "$server"; }

image_start
check 'without a secret: 503' wait_for answers 503
check 'it stops' image_stop
image_start HOOKSPOOL_SECRET="$SECRET"
check 'with a secret: 200' wait_for answers 200
is 'an event' "$(send one)" 200
is 'once more' "$(send one)" 200
is 'it is in the volume once' "$(jq -r .message_id "$T/writable/var/lib/hookspool/spool/events.jsonl")" one
SECRET='of somebody else'
is 'another secret' "$(send two)" 401
check "the program's start is in the log" grep -q 'start: hookspool' "$T/log"
check 'it stops' image_stop
SECRET='the secret of the container'
image_start HOOKSPOOL_SECRET="$SECRET"
check 'and starts again' wait_for answers 200
is 'the event is known' "$(send one && jq -r .message_id "$T/writable/var/lib/hookspool/spool/events.jsonl")" '200one'
check 'it stops' image_stop
done_testing
