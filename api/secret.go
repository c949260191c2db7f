package api

import (
	"crypto/rand"
	"crypto/sha256"
)

// secretPrefix lets people, and scanners of leaked secrets, see what it is.
const secretPrefix = "dt_"

// NewSecret makes the secret of an API key and the hash under which it is kept.
// The secret has 256 random bits, so that a plain SHA-256 is enough to hide it.
func NewSecret() (secret string, hash []byte) {
	secret = secretPrefix + rand.Text() + rand.Text()
	return secret, hashSecret(secret)
}

func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
