package home

import (
	"encoding/json"
	"os"
	"strconv"

	"atelier.dev/atelier/backend/fault"
)

// StartVariable names the descriptor on which a starter waits for the core's
// first word: one JSON document, empty when it serves, else its fault.
const StartVariable = "ATELIER_START_FD"

// ReportStart tells the process that started this core that it serves (nil) or
// why it does not. Without a starter it does nothing. Call it once.
func ReportStart(err error) error {
	number, convErr := strconv.Atoi(os.Getenv(StartVariable))
	_ = os.Unsetenv(StartVariable) // children of the core must not inherit the word
	if convErr != nil || number < 3 {
		return nil
	}
	pipe := os.NewFile(uintptr(number), "starter")
	defer pipe.Close()
	return json.NewEncoder(pipe).Encode(startWord(err))
}

func startWord(err error) map[string]any {
	if err == nil {
		return map[string]any{}
	}
	f := fault.Of(err)
	return map[string]any{"code": f.Code.String(), "reason": f.Reason, "message": f.Message,
		"mend": f.Mend, "details": f.Details}
}
