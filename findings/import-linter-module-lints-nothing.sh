#!/usr/bin/env bash
# import-linter 2.16 (Python 3.11): `python -m importlinter.cli lint` ends with 0 and prints nothing, whatever
# the contracts say, as the module has no entry of its own; `lint-imports` checks them. A test of ours that ran the
# first form passed, and checked nothing.
# Seen, on a package whose only contract is broken:
#   lint-imports: exit 1
#   python -m importlinter.cli lint: exit 0, 0 bytes
# Here: tests/test_walls.py runs `lint-imports`' own function, and plants a circle.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check import-linter==2.16
mkdir "$tmp/house"
cd "$tmp"
touch house/__init__.py house/low.py
echo "import house.low" > house/high.py
cat > .importlinter <<'INI'
[importlinter]
root_package = house

[importlinter:contract:1]
name = high does not import low
type = forbidden
source_modules = house.high
forbidden_modules = house.low
INI
export PYTHONPATH=$tmp
first=0; "$tmp/venv/bin/lint-imports" --no-cache > first.txt 2>&1 || first=$?
second=0; "$tmp/venv/bin/python" -m importlinter.cli lint --no-cache > second.txt 2>&1 || second=$?
echo "lint-imports: exit $first"
echo "python -m importlinter.cli lint: exit $second, $(wc -c < second.txt) bytes"
grep -q "high does not import low BROKEN" first.txt
[ "$first" = 1 ] && [ "$second" = 0 ] && [ ! -s second.txt ]
