package api

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
)

// secretPrefix lets people, and scanners of leaked secrets, see what it is.
const secretPrefix = "dt_"

// NewSecret makes the secret of an API key and the hash under which it is kept.
// The secret has 256 random bits, so that a plain SHA-256 is enough to hide it.
func NewSecret() (secret string, hash []byte) {
	secret = secretPrefix + rand.Text() + rand.Text()
	return secret, hashSecret(secret)
}

// leastSecret is the length of a secret that somebody chose, in bytes.
const leastSecret = 20

// HashChosen is the hash under which a secret is kept that was not made here.  It
// must go into a header as it is, and be long: the hash has no salt and is fast, so
// that a short one could be found from it.
func HashChosen(secret string) ([]byte, error) {
	if len(secret) < leastSecret {
		return nil, errors.New("the secret of an API key has 20 characters at least, 64 random ones at best; this one is shorter")
	}
	if strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the secret of an API key has letters, digits and signs of ASCII, without spaces")
	}
	return hashSecret(secret), nil
}

func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
