#!/bin/sh
# ADDRESS [CASE...]: the end-to-end tests with librdkafka. They start brokers of their own.
set -u
tests() { cargo test --quiet --package grete-tests --test librdkafka -- "$@" 2>&1; }
shift
[ $# -gt 0 ] || set -- $(tests --list | sed -n 's/: test$//p')
failures=0
for case; do
  begun=$(date +%s.%N)
  # A test that is not there passes as well, without having run.
  if said=$(tests --exact "$case") && printf '%s' "$said" | grep -q ' 1 passed'; then verdict=ok; else verdict=failed; fi
  seconds=$(echo "$begun $(date +%s.%N)" | awk '{ print $2 - $1 }')
  [ $verdict = ok ] || { failures=1; printf '%s\n' "$said"; }
  printf '%s\t%s\t%s\n' $verdict "$case" "$seconds"
done
exit $failures
