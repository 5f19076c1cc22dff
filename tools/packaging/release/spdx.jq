# The SPDX 2.3 list of a release: its archives, and the libraries that are linked into the bundles' programs.
# $archives: lines of SHA256SUMS; $packages: lines as in sysroot.sh, of the packages that are linked.

# Licences of packages whose archives are linked, as in the SPDX License List.
def licences: {
	"libc6-dev": "LGPL-2.1-or-later",
	"libgcc": "GPL-3.0-or-later WITH GCC-exception-3.1",
	"libfcgi-dev": "OML",
	"liblmdb-dev": "OLDAP-2.8",
	"zlib1g-dev": "Zlib",
	"libdeflate-dev": "MIT",
	"libssl-dev": "Apache-2.0",
	"libsqlite3-dev": "blessing",
	"libseccomp-dev": "LGPL-2.1-only"
};
def machine: { amd64: "x86_64", arm64: "aarch64" };
def id: "SPDXRef-" + gsub("[^A-Za-z0-9.-]"; "-");
def rows: split("\n") | map(select(. != ""));

def archive: split("  ") | { sum: .[0], name: .[1] } | {
	SPDXID: (.name | id), name: .name, versionInfo: $version, downloadLocation: "NOASSERTION",
	filesAnalyzed: false, primaryPackagePurpose: "ARCHIVE",
	checksums: [{ algorithm: "SHA256", checksumValue: .sum }],
	licenseConcluded: "NOASSERTION", licenseDeclared: "MIT", copyrightText: "NOASSERTION"
};

def library: split("\t") | { name: .[0], version: .[1], source: .[2], source_version: .[3], arch: .[4] } | {
	SPDXID: ("\(.name)-\(.arch)" | id), name: .name, versionInfo: .version, downloadLocation: "NOASSERTION",
	filesAnalyzed: false, primaryPackagePurpose: "LIBRARY",
	sourceInfo: "Debian source package \(.source) \(.source_version)",
	licenseConcluded: "NOASSERTION",
	licenseDeclared: (licences[.name | sub("^libgcc-[0-9]+-dev.*"; "libgcc")]
		// error("\(.name) is linked, and has no licence in tools/packaging/release/spdx.jq")),
	copyrightText: "NOASSERTION",
	externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl",
		referenceLocator: "pkg:deb/debian/\(.name)@\(.version | @uri)?arch=\(.arch)" }]
};

($archives | rows | map(archive)) as $files
| ($packages | rows | map(library) | unique_by(.SPDXID)) as $libraries
| ($files | map(select(.name == "hookspool-\($version).tar.gz")) | .[0].SPDXID) as $source
| {
	spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
	name: "hookspool-\($version)",
	documentNamespace: "https://spdx.org/spdxdocs/hookspool-\($version)-\($commit)",
	creationInfo: {
		created: ($epoch | tonumber | todate), creators: ["Tool: hookspool-\($version) (make release)"],
		comment: "Made from commit \($commit)."
	},
	packages: ($files + $libraries),
	relationships: ([$files[] | { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES",
			relatedSpdxElement: .SPDXID }]
		+ [$files[] | select(.SPDXID != $source) | { spdxElementId: .SPDXID, relationshipType: "GENERATED_FROM",
			relatedSpdxElement: $source }]
		+ [$libraries[] as $library | machine[$library.SPDXID | split("-") | last] as $machine
			| $files[] | select($machine and (.name | endswith("-\($machine).tar.gz")))
			| { spdxElementId: .SPDXID, relationshipType: "STATIC_LINK", relatedSpdxElement: $library.SPDXID }])
}
