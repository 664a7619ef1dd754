package bundle

import (
	"encoding/json"
	"fmt"
)

// indexKey is the one key of an index's ConfigMap.
const indexKey = "index.json"

// Index says which bundle of a component should be live.
type Index struct {
	Component string `json:"component"`
	// Wanted is the bundle that every replica should run.
	Wanted Ref `json:"wanted"`
	// LastGood is the newest bundle that every replica has run; a process that
	// starts before Wanted is proven starts on it. Nil before the first proof.
	LastGood *Ref `json:"lastGood,omitempty"`
	// Leaving names the pods that are to go: each hands its samples over to the
	// object store and takes no part any longer, whatever is wanted.
	Leaving []string `json:"leaving,omitempty"`
}

// Ref names a bundle and the chunks that make it.
type Ref struct {
	Digest string `json:"digest"`
	// Revision is the commit that the bundle was first made from, for people.
	Revision string   `json:"revision,omitempty"`
	Chunks   []string `json:"chunks"` // digests, sorted
}

// Start is the bundle that a process starts on: the last good one if there is one.
func (i Index) Start() Ref {
	if i.LastGood != nil {
		return *i.LastGood
	}
	return i.Wanted
}

// Proven says whether the wanted bundle is the last good one.
func (i Index) Proven() bool {
	return i.LastGood != nil && i.LastGood.Digest == i.Wanted.Digest
}

// IndexName is the name of the ConfigMap of a component's index.
func IndexName(component string) string { return "watchbill-" + component }

// Data is the index as the data of its ConfigMap.
func (i Index) Data() (map[string]string, error) {
	raw, err := json.MarshalIndent(i, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write the index of %s: %w", i.Component, err)
	}
	return map[string]string{indexKey: string(raw) + "\n"}, nil
}

// ParseIndex reads the data of an index's ConfigMap, and refuses one whose references do not hold together.
func ParseIndex(data map[string]string) (Index, error) {
	var i Index
	raw, ok := data[indexKey]
	if !ok {
		return i, fmt.Errorf("the index has no key %s", indexKey)
	}
	if err := json.Unmarshal([]byte(raw), &i); err != nil {
		return i, fmt.Errorf("read the index: %w", err)
	}
	if err := i.Wanted.Check(); err != nil {
		return i, fmt.Errorf("read the index: wanted: %w", err)
	}
	if i.LastGood != nil {
		if err := i.LastGood.Check(); err != nil {
			return i, fmt.Errorf("read the index: last good: %w", err)
		}
	}
	return i, nil
}
