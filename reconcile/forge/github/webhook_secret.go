package github

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxSecrets is two, so that one can take the place of the other without a
// delivery lost.
const maxSecrets = 2

// SecretFile reads webhook secrets from a file, one a line, anew each time.
// While they are rotated there are two.
func SecretFile(path string) func() ([][]byte, error) {
	return func() ([][]byte, error) {
		secrets, err := readSecrets(path)
		if err != nil {
			return nil, fmt.Errorf("reading the webhook's secrets: %w", err)
		}
		return secrets, nil
	}
}

func readSecrets(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 64 << 10
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if len(text) > most {
		return nil, errors.New("the file is far too large; it holds one secret a line")
	}
	var secrets [][]byte
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			secrets = append(secrets, line)
		}
	}
	switch {
	case len(secrets) == 0:
		return nil, fmt.Errorf("%s is empty; put in the secret that the webhook has at GitHub", path)
	case len(secrets) > maxSecrets:
		return nil, fmt.Errorf("%s has %d lines; put in the new secret, and below it the old one until GitHub has the new", path, len(secrets))
	}
	return secrets, nil
}
