package studio

import "atelier.dev/atelier/backend/object"

// scene is the objects that an answer speaks of: as they stand, or in a cut.
type scene struct {
	*Studio
	objects *object.Fold
	past    bool // nothing that a shim tells now belongs to it
}

// asNow is the scene as it stands. Whoever uses it holds mu.
func (s *Studio) asNow() scene { return scene{s, s.fold, false} }
