// Package stores is for the object store and for what is done to the blocks in
// it: audit, ship, retention plans. Nothing of a stack without long-term
// storage needs it, and it imports nothing of ours.
package stores
