package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const goEvents = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"output","Package":"p","Test":"TestA/one","Output":"x_test.go:3: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"run","Package":"p","Test":"TestC"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p"}
{"ImportPath":"q [q.test]","Action":"build-output","Output":"q.go:1: syntax error\n"}
{"ImportPath":"q [q.test]","Action":"build-fail"}
{"Action":"fail","Package":"q","FailedBuild":"q [q.test]"}
`

func TestGoTallyCountsEachTestOnce(t *testing.T) {
	got := goTally(strings.NewReader(goEvents), io.Discard)
	if got.passed != 1 || len(got.failed) != 2 || len(got.skipped) != 1 {
		t.Fatalf("got %+v, want 1 passed, 2 failed, 1 skipped", got)
	}
	all := got.failed[0].name + got.failed[0].output + got.failed[1].name + got.failed[1].output
	for _, want := range []string{"p TestA/one", "x_test.go:3: wrong", "q.go:1: syntax error"} {
		if !strings.Contains(all, want) {
			t.Errorf("the failures do not tell %q: %s", want, all)
		}
	}
}

func TestVitestTallyCountsABrokenSuite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.json")
	report := `{"testResults":[
		{"name":"/x/frontend/a.test.ts","status":"failed","message":"cannot load","assertionResults":[]},
		{"name":"/x/frontend/b.test.ts","status":"passed","assertionResults":[
			{"fullName":"b works","status":"passed"},{"fullName":"b waits","status":"pending"}]}]}`
	if err := os.WriteFile(file, []byte(report), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := vitestTally(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.passed != 1 || len(got.failed) != 1 || len(got.skipped) != 1 {
		t.Fatalf("got %+v", got)
	}
}

func TestStepTally(t *testing.T) {
	got := stepTally("check: gofmt        ok        0 s\ncheck: vet          FAILED    1 s\nplant: pins: a range      ok\n")
	if got.passed != 2 || len(got.failed) != 1 || got.failed[0].name != "check vet" {
		t.Fatalf("got %+v", got)
	}
}

func TestAStageThatHangsIsEndedWithItsGroup(t *testing.T) {
	r, err := newRunning(filepath.Join(t.TempDir(), "log"), 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	err = r.show("sh", "-c", "sleep 600 & sleep 600")
	if err == nil || !strings.Contains(err.Error(), "not done after") {
		t.Fatalf("got %v, want the deadline named", err)
	}
}

func TestAProcessLeftBehindIsNamedAndEnded(t *testing.T) {
	becomeReaper()
	r, err := newRunning(filepath.Join(t.TempDir(), "log"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("sh", "-c", "setsid sleep 601 >/dev/null 2>&1 &").Run(); err != nil {
		t.Fatal(err)
	}
	left := r.close()
	if len(left) == 0 || !strings.Contains(strings.Join(left, " "), "sleep 601") {
		t.Fatalf("left %q, want the sleep", left)
	}
	if rest := children(); len(rest) != 0 {
		t.Fatalf("%v still live", rest)
	}
}

func TestLicences(t *testing.T) {
	for text, want := range map[string]string{
		"Permission is hereby granted, free\n of charge, to any":              "MIT",
		"Apache License\n  Version 2.0, January 2004":                         "Apache-2.0",
		"Mozilla Public License Version 2.0 ... GNU GENERAL PUBLIC LICENSE":   "MPL-2.0",
		"GNU GENERAL PUBLIC LICENSE Version 3":                                "a licence of the GNU family",
		"Redistribution and use in source and binary forms. Neither the name": "BSD-3-Clause",
		"All rights reserved.":                                                "a licence that the check does not know",
	} {
		if got := licenceOf(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	if accepted("GPL-3.0 AND MIT", true) || !accepted("GPL-3.0 OR MIT", false) || accepted("BlueOak-1.0.0", false) {
		t.Error("an expression is read wrongly")
	}
}
