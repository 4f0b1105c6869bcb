package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"sort"
)

// exact is one version: no range, no tag, no address.
var exact = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// pins checks that package.json names exact versions, that the lock file agrees
// and carries a digest but no host for each package, and that no go.mod replaces
// a module.
func pins(_ []string) (string, []string, error) {
	wrong, packages, err := npmPins("frontend/package.json", "frontend/package-lock.json")
	if err != nil {
		return "", nil, err
	}
	mods := []string{"go.mod", "build/tools/go.mod"}
	if _, err := os.Stat("build/bench/go.mod"); err == nil {
		mods = append(mods, "build/bench/go.mod")
	}
	for _, mod := range mods {
		content, err := os.ReadFile(mod)
		if err != nil {
			return "", nil, err
		}
		for _, line := range replaced.FindAllString(string(content), -1) {
			wrong = append(wrong, mod+": "+line+": a replaced module is not what the version says")
		}
	}
	return fmt.Sprintf("%d npm packages and %d go.mod files read", packages, len(mods)), wrong, nil
}

// replaced finds a replacement by anything but a folder of this repository.
var replaced = regexp.MustCompile(`(?m)^\s*(replace\s+)?\S+( v\S+)? => [^.].*$`)

func npmPins(manifest, lock string) ([]string, int, error) {
	var asked struct {
		Dependencies    map[string]string `json:"dependencies"`
		DevDependencies map[string]string `json:"devDependencies"`
	}
	var got struct {
		Packages map[string]struct {
			Version   string `json:"version"`
			Resolved  string `json:"resolved"`
			Integrity string `json:"integrity"`
			Link      bool   `json:"link"`
		} `json:"packages"`
	}
	if err := readJSON(manifest, &asked); err != nil {
		return nil, 0, err
	}
	if err := readJSON(lock, &got); err != nil {
		return nil, 0, err
	}
	var wrong []string
	for _, list := range []map[string]string{asked.Dependencies, asked.DevDependencies} {
		for name, version := range list {
			if !exact.MatchString(version) {
				wrong = append(wrong, fmt.Sprintf("%s: %s is %q; pin one exact version", manifest, name, version))
			}
			if locked := got.Packages["node_modules/"+name].Version; locked != version {
				wrong = append(wrong, fmt.Sprintf("%s: %s is %q and the lock file has %q", manifest, name, version, locked))
			}
		}
	}
	for place, p := range got.Packages {
		if place == "" {
			continue
		}
		if p.Resolved != "" {
			wrong = append(wrong, lock+": "+place+": names a host; delete its \"resolved\"")
		}
		if p.Integrity == "" {
			wrong = append(wrong, lock+": "+place+": has no digest")
		}
	}
	sort.Strings(wrong)
	return wrong, len(got.Packages), nil
}

func readJSON(file string, into any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
