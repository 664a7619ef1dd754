// Package stores is for the object store and for what is done to the blocks in
// it. It imports nothing of ours.
//
// A [Bucket] is all that the packages below it know of an object store; its
// comment is the contract. [Open] gives the one of a [Config], which is Thanos's
// own: S3, with [WithRetry], [WithMetrics] and [WithPrefix] around it. Package
// storetest has the contract as tests, and a double that passes them.
//
// Below: block is Thanos's layout, audit what is in a bucket, ship what goes
// from a Prometheus volume into it, compact and retain what becomes of it
// there, and lock keeps two of them from one bucket.
package stores
