package main

import (
	"cmp"
	"os"
	"strings"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/loginshell"
)

// firstNames are what a new home calls things until somebody renames them.
func firstNames() event.WorkspaceCreated {
	device, err := os.Hostname()
	if err != nil {
		device = ""
	}
	return event.WorkspaceCreated{Workspace: "Home", Human: named(loginshell.Me().Name, "me"), Device: named(device, "this device")}
}

// named is a name that a body can hold; the machine's own may be any bytes.
func named(name, otherwise string) string {
	return cmp.Or(strings.TrimSpace(strings.ToValidUTF8(name, "\uFFFD")), otherwise)
}
