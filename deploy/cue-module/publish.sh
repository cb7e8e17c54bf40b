#!/bin/sh
# Publishes the CUE module, which is the schema and the examples and nothing else of the
# repository, to the registry that CUE_REGISTRY names. CUE is the cue command to use.
set -eu
version=${1:?"usage: publish.sh VERSION, such as v0.1.0"}
cd "$(dirname "$0")/../.."
cue=${CUE:-$(go tool -n cue)}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
find cue.mod/module.cue LICENSE schema examples \( -name '*.cue' -o -name LICENSE \) -not -path '*/testdata/*' |
	while read -r file; do
		mkdir -p "$stage/$(dirname "$file")"
		cp "$file" "$stage/$file"
	done
cd "$stage"
"$cue" vet -c=false ./...
"$cue" mod publish "$version"
