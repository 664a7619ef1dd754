#!/usr/bin/env bash
# Puts the released binary for this runner into PATH, once its checksum is right.
set -euo pipefail

version=${WATCHBILL_ACTION_VERSION#v}
if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]]; then
	echo "::error title=watchbill::the input version is \"${version//[^0-9A-Za-z.-]/?}\"; give a release such as 1.2.3"
	exit 2
fi
case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64 | arm64) arch=arm64 ;;
*) echo "::error title=watchbill::there is no release for $(uname -m)"; exit 2 ;;
esac
os=$(uname -s | tr '[:upper:]' '[:lower:]')
archive=watchbill_${version}_${os}_${arch}.tar.gz
releases=${WATCHBILL_ACTION_RELEASES:-https://github.com/watchbill/watchbill/releases/download}
folder=$(mktemp -d "${RUNNER_TEMP:-/tmp}/watchbill.XXXXXX")

cd "$folder"
curl --fail --silent --show-error --location --retry 3 --remote-name "$releases/v$version/$archive"
if [[ -n ${WATCHBILL_ACTION_SHA256:-} ]]; then
	echo "$WATCHBILL_ACTION_SHA256  $archive" >checksum
else
	curl --fail --silent --show-error --location --retry 3 --remote-name "$releases/v$version/checksums.txt"
	grep -F "  $archive" checksums.txt >checksum
fi
if ! sha256sum --check --quiet checksum; then
	echo "::error title=watchbill::$archive does not have its checksum, and is not run"
	exit 2
fi
tar -xzf "$archive" watchbill
echo "$folder" >>"$GITHUB_PATH"
