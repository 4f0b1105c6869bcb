package home

import "time"

const (
	// socketMax is the longest path of a unix socket: sun_path holds 108 bytes,
	// the last of them zero.
	socketMax = 107
	// socketRoom is kept below the runtime folder for the longest name in it:
	// "/x/", 16 letters of an execution's id and ".agent".
	socketRoom = 26
	// coreFileMax bounds what is read of core.json, which has three short fields.
	coreFileMax = 4096
	// metWait is when the socket that core.json names is given up as dead.
	metWait = time.Second
	// homeDigits is how many hex digits of the home's hash name its runtime
	// folder: 32 bits keep the homes of one person apart.
	homeDigits = 8
)
