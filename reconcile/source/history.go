package source

import (
	"container/heap"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// isAncestor says whether old is in the history of head, head itself included.
// Only a no costs the whole history.
func (o *objects) isAncestor(old, head plumbing.Hash) (bool, error) {
	found := false
	err := o.walk(head, func(h plumbing.Hash) bool {
		found = h == old
		return !found
	})
	return found, err
}

// newest returns up to most commits of the history of head, the newest first.
func (o *objects) newest(head plumbing.Hash, most int) ([]plumbing.Hash, error) {
	var hashes []plumbing.Hash
	err := o.walk(head, func(h plumbing.Hash) bool {
		hashes = append(hashes, h)
		return len(hashes) < most
	})
	return hashes, err
}

// walk visits the history of head, by committer's date, until visit says no.
func (o *objects) walk(head plumbing.Hash, visit func(plumbing.Hash) bool) error {
	first, err := o.commit(head)
	if err != nil {
		return err
	}
	seen := map[plumbing.Hash]bool{head: true}
	queue := &byDate{first}
	for queue.Len() > 0 {
		c := heap.Pop(queue).(*object.Commit)
		if !visit(c.Hash) {
			return nil
		}
		for _, parent := range c.ParentHashes {
			if seen[parent] {
				continue
			}
			seen[parent] = true
			p, err := o.commit(parent)
			if err != nil {
				return err
			}
			heap.Push(queue, p)
		}
	}
	return nil
}

// byDate is a heap of commits, the newest on top.
type byDate []*object.Commit

func (q byDate) Len() int           { return len(q) }
func (q byDate) Less(i, j int) bool { return q[i].Committer.When.After(q[j].Committer.When) }
func (q byDate) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *byDate) Push(c any) { *q = append(*q, c.(*object.Commit)) }

// Pop implements heap.Interface.
func (q *byDate) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	*q = (*q)[:last]
	return c
}
