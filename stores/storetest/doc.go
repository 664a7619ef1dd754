// Package storetest is what tests of object stores need: [Conformance], the
// contract of stores.Bucket as tests, which every bucket and every double
// passes; [Memory], such a double; [Versitygw], a real S3 server; and
// [FaultProxy], which stands before one and breaks what passes.
package storetest
