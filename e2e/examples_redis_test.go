//go:build e2e

package e2e

import "testing"

// redisImage has a Redis server, whose user is 999.
const redisImage = "localhost/rescue-e2e-redis:dev"

func TestExampleRedis(t *testing.T) {
	t.Parallel()
	e := newExample(t, "redis", server{image: redisImage})
	e.options = append(e.options, "image="+redisImage, "host="+e.address())
	e.exec(0, `export REDISCLI_AUTH=$REDIS_PASSWORD
		i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo "SET key:$i value-$i"; done | redis-cli > /dev/null
		head -c 100000 /dev/urandom | redis-cli -x SET binary
		redis-cli RPUSH list 'a b' '' c
		redis-cli HSET hash field 'line
break'
		redis-cli SET expires soon EX 100000
		redis-cli -n 3 SADD other-database member`)
	fingerprint := func() string {
		return e.exec(0, `export REDISCLI_AUTH=$REDIS_PASSWORD
			for n in 0 3; do
			  redis-cli -n $n --no-raw KEYS '*' | sed 's/^ *[0-9]*) //' | sort > /tmp/keys
			  echo "database $n:"; cat /tmp/keys
			  sed 's/^/TTL /' /tmp/keys | redis-cli -n $n | sed 's/^-1$/never/; s/^[0-9]*$/later/'
			  sed 's/^/DUMP /' /tmp/keys | redis-cli -n $n --no-raw
			done`)
	}
	before := fingerprint()
	e.survives(505, fingerprint, func() {
		e.exec(0, `export REDISCLI_AUTH=$REDIS_PASSWORD; redis-cli FLUSHALL; redis-cli SET younger 1`)
	})

	// The restore that failed has left the data as they were, on the disk as well.
	e.ready()
	if after := fingerprint(); after != before {
		t.Errorf("after a restore that failed:\nbefore:\n%s\nafter:\n%s", head(before), head(after))
	}
}
