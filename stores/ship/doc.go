// Package ship brings the blocks of a Prometheus volume into the bucket, and
// says which are there whole. Thanos's sidecar ships too; this finds what it
// left out, or left half, and is what a volume may be let go upon.
//
// A [Volume] is a Prometheus data folder, or a snapshot of one, and the bucket
// with the external labels that its blocks have there. Compare says of each
// block how it stands, Upload also sends what is missing: chunks and index, and
// meta.json last, so that a block is never taken for whole before it is.
//
// A block that is not in the bucket need not be missing. It is covered, and
// must not come back, if each of the first blocks it is made of went into some
// block of the same labels that is there: the sidecar shipped it, and Thanos
// joined it with others; or Prometheus itself joined blocks that are there
// already. A block with some of its sources there is sent: Thanos's own garbage
// collection lets go of those that it contains. A block with the range, labels
// and numbers of one that is there is the same: every snapshot gives the head a
// new name. The list of what the sidecar has shipped decides nothing, as it
// does not know what became of it: a block that is on the list and nowhere in
// the bucket was lost, and is sent again.
package ship
