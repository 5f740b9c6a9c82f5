#!/bin/sh
# The steps of steps.py by curl; the fifth word is the flag of the HTTP version. One curl, so that it may keep its connection.
set -eu
https=$1 http=$2 elsewhere=$3 body=$4
form='%{http_code} %{http_version}\n'
curl -sS "$5" -w "$form" -o first "$https/v1/hello" -o second "$https/v1/hello" \
  --next -sS "$5" -w "$form" -o uploaded -T "$body" "$https/v1/sum" \
  --next -sS "$5" -w "$form" -o large "$https/v1/large" -o denied "$https/admin" \
  --next -sS "$5" -w "$form" -o upload-denied -T "$body" "$https/admin" >ends
curl -sS -w "$form" -o plain "$http/v1/hello" -o plain-denied "$http/admin" --next -sS "$5" -w "$form" -o elsewhere "$elsewhere/" >>ends
sha256sum large | cut -d' ' -f1 >sum
code() { sed 's/.*"code":"\([^"]*\)".*/\1/' "$1"; }
{
  for part in first second uploaded sum; do
    cat "$part"
    [ "$part" = sum ] || echo
  done
  code denied
  code upload-denied
  cat plain; echo
  code plain-denied
  code elsewhere
} | paste -d' ' - ends
