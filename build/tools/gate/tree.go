package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// tracked returns the paths of all files that git has or would take, so that a
// file not yet committed is judged too.
func tracked() ([]string, error) {
	out, err := exec.Command("git", "ls-files", "-z", "-co", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var files []string
	for _, name := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() {
			files = append(files, name)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("git names no file here; run it in the root of the repository")
	}
	return files, nil
}

// binary tells whether content is not text, as git judges it: a zero byte early on.
func binary(content []byte) bool {
	const looked = 8000 // what git looks at
	return bytes.IndexByte(content[:min(len(content), looked)], 0) >= 0
}
