package studio

import (
	"encoding/json"
	"errors"
	"strconv"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// loadSessions takes the floor of this home's human, and the era.
func (s *Studio) loadSessions() error {
	s.mu.Lock()
	err := s.loadFloor(s.human.ID)
	s.mu.Unlock()
	return errors.Join(err, s.enter())
}

// loadFloor takes what an actor was served in earlier runs of the core, once.
// The caller holds mu.
func (s *Studio) loadFloor(actor event.ID) error {
	kept := s.p.Log.LoadState(floorKey(actor))
	if _, loaded := s.floors[actor]; loaded || kept == nil {
		return nil
	}
	var heads []keptHead
	if err := json.Unmarshal(kept, &heads); err != nil {
		return fault.Wrap(err, fault.DataLoss, "floor_damaged", "what this person has been shown cannot be read", "remove the file values in the data folder; no event is lost")
	}
	s.floors[actor] = headsOf(heads)
	return nil
}

// enter begins a run of the core. A power cut since the last one begins an era,
// which ends all sessions: their state is written unsynced, so the last of it
// may be missing.
func (s *Studio) enter() error {
	boot, closed := string(s.p.Log.LoadState("boot")), string(s.p.Log.LoadState("closed"))
	s.era, _ = strconv.ParseUint(string(s.p.Log.LoadState("era")), 10, 64) // none is the first
	if boot == s.p.Boot && closed == "" {
		return nil // the core alone was killed
	}
	if boot != "" && boot != s.p.Boot && closed != boot {
		s.era++
	}
	if s.p.Log.ReadOnly() != "" {
		return nil
	}
	// In this order: a kill in between ends no session, and forgets no era.
	for _, kept := range [][2]string{{"era", strconv.FormatUint(s.era, 10)}, {"boot", s.p.Boot}, {"closed", ""}} {
		if err := s.p.Log.SaveState(kept[0], []byte(kept[1])); err != nil {
			return err
		}
	}
	// Durable before anybody works: else a power cut could bring the mark of an
	// orderly end back, and take what sessions opened since.
	return s.p.Log.SyncState()
}

func (s *Studio) closeSessions() error {
	if s.p.Log.ReadOnly() != "" {
		return nil
	}
	return s.p.Log.SaveState("closed", []byte(s.p.Boot))
}
