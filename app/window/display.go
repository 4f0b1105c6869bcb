package window

import (
	"os"

	"github.com/wailsapp/wails/v2/pkg/options/linux"

	"atelier.dev/atelier/backend/fault"
)

// needDisplay fails when there is no display: GTK would panic.
func needDisplay(getenv func(string) string) error {
	if getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != "" {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "no_display", "there is no display to open a window on",
		"run `atelier serve` and open the address it prints in a browser")
}

// renderNodes is where the kernel shows a graphics card that can be drawn with.
const renderNodes = "/dev/dri"

// gpuPolicy is "on demand" where there is a graphics card and "never" where
// drawing is done in software: there the card's path is slower and may crash.
// LIBGL_ALWAYS_SOFTWARE asks for software in any case.
func gpuPolicy(getenv func(string) string) linux.WebviewGpuPolicy {
	if getenv("LIBGL_ALWAYS_SOFTWARE") == "1" {
		return linux.WebviewGpuPolicyNever
	}
	if nodes, err := os.ReadDir(renderNodes); err != nil || len(nodes) == 0 {
		return linux.WebviewGpuPolicyNever
	}
	return linux.WebviewGpuPolicyOnDemand
}
