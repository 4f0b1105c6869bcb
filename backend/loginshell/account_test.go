package loginshell

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

const passwd = `root:x:0:0:root:/root:/bin/bash
broken:x:7
# a comment
ada:x:1000:1000:Ada,,,:/home/ada:/usr/bin/zsh
bob:x:1001:1001::/home/bob:
ten:x:100:1000::/home/ten:/bin/sh
`

func TestAccountsAreFoundByNumber(t *testing.T) {
	for uid, want := range map[int]Account{
		0:    {0, "root", "/root", "/bin/bash"},
		1000: {1000, "ada", "/home/ada", "/usr/bin/zsh"},
		1001: {1001, "bob", "/home/bob", ""},
		100:  {100, "ten", "/home/ten", "/bin/sh"},
	} {
		if got, is := find(strings.NewReader(passwd), uid); !is || got != want {
			t.Errorf("%d is %+v, want %+v", uid, got, want)
		}
	}
	if got, is := find(strings.NewReader(passwd), 7); is || got != (Account{UID: 7}) {
		t.Errorf("a broken line made %+v", got)
	}
}

func TestAnAccountIsFilled(t *testing.T) {
	const nobodys = 2147483000 // a number that no machine gives
	t.Setenv("USER", "eve")
	t.Setenv("HOME", "/somewhere")
	t.Setenv("SHELL", "/bin/dash")
	if got := (Account{UID: nobodys}).filled(); got != (Account{nobodys, "eve", "/somewhere", "/bin/dash"}) {
		t.Errorf("got %+v", got)
	}
	if got := (Account{1, "bob", "/home/bob", ""}).filled(); got != (Account{1, "bob", "/somewhere", "/bin/dash"}) {
		t.Errorf("got %+v", got)
	}
	t.Setenv("HOME", "relative")
	if got := (Account{1, "bob", "/home/bob", "/bin/sh"}).filled(); got.Home != "/home/bob" {
		t.Errorf("got %+v", got)
	}
	for _, name := range []string{"USER", "HOME", "SHELL"} {
		t.Setenv(name, "")
	}
	if got := (Account{UID: nobodys}).filled(); got != (Account{nobodys, "2147483000", "/", "/bin/sh"}) {
		t.Errorf("got %+v", got)
	}
}

func TestMeIsWhoRunsThis(t *testing.T) {
	if me := Me(); me.UID != os.Getuid() || me.Name == "" || me.Home == "" || me.Shell == "" {
		t.Fatalf("got %+v", me)
	}
}

func notify(t *testing.T, came chan<- os.Signal) {
	signal.Notify(came, syscall.SIGUSR1)
	t.Cleanup(func() { signal.Stop(came) })
}
