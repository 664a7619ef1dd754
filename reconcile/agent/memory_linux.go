package agent

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// releaseProgram gives back the pages of the program itself that an idle agent
// does not need. The agent is one of many commands of one program, and starting
// that touches some 75 MiB of code and tables, of which the agent needs five.
// They are clean pages of a file: the kernel has them in its cache, shared by all
// agents of a node, and maps again what is touched again.
func releaseProgram() {
	program, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if low, size, ok := cleanMapping(lines.Text(), program); ok {
			// An error means that the pages stay, which is no harm.
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, low, size, unix.MADV_DONTNEED)
		}
	}
}

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
