#!/usr/bin/env bash
# The main job from end to end on the embedded runtime: no cluster, network or
# credential. Run it with `make demo`.
set -euo pipefail
cd "$(dirname "$0")/../.."

rescue=$PWD/bin/rescue
here=examples/timelog
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
volume=$work/local/volumes/demo/time-log
# A folder with the repository's cue.mod in reach, so that the import resolves.
converted=$here/converted
trap 'rm -rf "$work" "$converted"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "$*" | sed "s#$rescue#rescue#; s#$work#\$WORK#g" >&2; "$@"; }

run() { # action and more flags
	show "$rescue" run "$@" -b "$here/blueprint.yaml" --deployment demo/time-logger \
		--runtime local --local-dir "$work/local" --state-dir "$work" -o json
}

# What is in the volume: kind, permissions, name and content of everything.
fingerprint() { (cd "$volume" && find . ! -name . -printf '%y %m %p %l\n' -type f -exec cksum {} + | sort); }

say "1. A legacy Kanister blueprint, as people have them"
cat "$here/blueprint.yaml"

say "2. rescue vet checks it where it lies"
show "$rescue" vet "$here/blueprint.yaml"

say "3. rescue convert makes CUE of it, and the stock cue command checks that"
mkdir -p "$converted"
show "$rescue" convert "$here/blueprint.yaml" -o "$converted/blueprint.cue"
sed -n 1,40p "$converted/blueprint.cue"
echo '…'
show go tool cue vet -c=false "./$converted"

say "4. The sample application, and real files in its volume"
mkdir -p "$work/local"
show "$rescue" run backup --dry-run -b "$here/blueprint.yaml" --deployment demo/time-logger \
	--runtime local --local-dir "$work/local" --state-dir "$work" --objects "$here/app.yaml"
for i in $(seq 1 50); do
	mkdir -p "$volume/day-$((i % 5))"
	date "+%F %T entry $i" >"$volume/day-$((i % 5))/entry-$i.log"
done
head -c 3000000 /dev/urandom >"$volume/large file.bin"
ln -s day-1/entry-1.log "$volume/latest"
chmod 600 "$volume/day-1/entry-1.log"
mkdir "$volume/empty"
fingerprint >"$work/before"
echo "$(wc -l <"$work/before") lines say what is in the volume"

say "5. backup"
run backup >"$work/backup.json"
cat "$work/backup.json"

say "6. The data is destroyed"
find "$volume" -mindepth 1 -delete
echo "the volume holds $(find "$volume" -mindepth 1 | wc -l) files"

say "7. restore, with the artifacts of the backup"
run restore --artifacts "$work/backup.json"

say "8. The data is back, byte for byte"
fingerprint >"$work/after"
cmp "$work/before" "$work/after"
echo "same files, same content, same permissions and links: $(wc -l <"$work/after") lines are equal"

say "9. One typing mistake, and what vet says"
sed 's/Output.backupID/Output.backupId/' "$here/blueprint.yaml" >"$work/mistake.yaml"
if show "$rescue" vet "$work/mistake.yaml"; then
	echo "vet should have found the mistake" >&2
	exit 1
fi
say "That was the demo: $here has the files."
