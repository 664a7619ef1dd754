//go:build !linux

package agent

import "runtime/debug"

// releaseMemory gives back the heap that a bundle went through.
func releaseMemory() { debug.FreeOSMemory() }
