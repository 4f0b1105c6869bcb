package loginshell

import (
	"bufio"
	"cmp"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// Account is a person as the machine's user database knows them.
type Account struct {
	UID               int
	Name, Home, Shell string
}

// Me returns the account of this process's user. HOME goes before the folder in
// /etc/passwd, as in every terminal of a desktop: whoever set it means it. Where
// /etc/passwd does not name the user, name and home come from the directory
// service or from USER, the shell from SHELL, and else /bin/sh.
func Me() Account {
	a := Account{UID: os.Getuid()}
	if f, err := os.Open("/etc/passwd"); err == nil {
		defer f.Close()
		a, _ = find(f, a.UID)
	}
	return a.filled()
}

// find looks for a user in the form of passwd(5).
func find(passwd io.Reader, uid int) (Account, bool) {
	lines := bufio.NewScanner(io.LimitReader(passwd, passwdMax))
	for lines.Scan() {
		f := strings.Split(lines.Text(), ":")
		if len(f) == 7 && f[2] == strconv.Itoa(uid) {
			return Account{UID: uid, Name: f[0], Home: f[5], Shell: f[6]}, true
		}
	}
	return Account{UID: uid}, false
}

func (a Account) filled() Account {
	if a.Name == "" {
		if u, err := user.LookupId(strconv.Itoa(a.UID)); err == nil {
			a.Name, a.Home = u.Username, u.HomeDir
		}
	}
	a.Name = cmp.Or(a.Name, os.Getenv("USER"), strconv.Itoa(a.UID))
	if home := os.Getenv("HOME"); filepath.IsAbs(home) {
		a.Home = home
	}
	a.Home = cmp.Or(a.Home, "/")
	if a.Shell == "" && filepath.IsAbs(os.Getenv("SHELL")) {
		a.Shell = os.Getenv("SHELL")
	}
	a.Shell = cmp.Or(a.Shell, "/bin/sh")
	return a
}
