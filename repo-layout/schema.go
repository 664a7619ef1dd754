package repolayout

import (
	"embed"
	"io/fs"
)

//go:embed schemas/*.json
var schemas embed.FS

// Schemas holds the JSON schemas (draft-07) of our own files: watchbill.json,
// environment.json and team.json.
func Schemas() fs.FS {
	sub, err := fs.Sub(schemas, "schemas")
	if err != nil {
		return schemas // cannot be: the name is a constant that embed has checked
	}
	return sub
}
