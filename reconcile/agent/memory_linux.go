package agent

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// releaseProgram gives back the pages of the program itself that an idle agent
// does not need. The agent is one of many commands of one program, and starting
// that touches some 75 MiB of code and tables, of which the agent needs five.
// They are clean pages of a file: the kernel has them in its cache, shared by all
// agents of a node, and maps again, in about a millisecond, what is touched again.
func releaseProgram() {
	for _, m := range cleanMappings() {
		// An error means that the pages stay, which is no harm.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.low, m.size, unix.MADV_DONTNEED)
	}
}

type mapping struct{ low, size uintptr }

// cleanMappings finds the program's mappings, which stay the same as long as it runs.
var cleanMappings = sync.OnceValue(func() (found []mapping) {
	program, err := os.Executable()
	if err != nil {
		return nil
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if low, size, ok := cleanMapping(lines.Text(), program); ok {
			found = append(found, mapping{low, size})
		}
	}
	return found
})

// cleanMapping reads one line of /proc/self/maps. Only mappings of the program's
// file that cannot be written to are clean: others would lose what is in them.
func cleanMapping(line, program string) (low, size uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 6 || fields[5] != program || (fields[1] != "r-xp" && fields[1] != "r--p") {
		return 0, 0, false
	}
	from, to, _ := strings.Cut(fields[0], "-")
	start, err := strconv.ParseUint(from, 16, 64)
	if err != nil {
		return 0, 0, false
	}
	end, err := strconv.ParseUint(to, 16, 64)
	if err != nil || end <= start {
		return 0, 0, false
	}
	return uintptr(start), uintptr(end - start), true
}
