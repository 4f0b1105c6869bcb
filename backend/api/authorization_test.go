package api

import (
	"context"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
)

func methods() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("atelier.v1", func(file protoreflect.FileDescriptor) bool {
		for s := range file.Services().Len() {
			for m := range file.Services().Get(s).Methods().Len() {
				all = append(all, file.Services().Get(s).Methods().Get(m))
			}
		}
		return true
	})
	return all
}

func TestEveryMethodHasAClassThatHolds(t *testing.T) {
	if n := len(methods()); n < 38 {
		t.Fatalf("walked %d methods only", n)
	}
	for _, m := range methods() {
		spec := connect.Spec{Schema: m, Procedure: string(m.FullName())}
		err := admit(context.Background(), spec, "")
		switch classOf(m) {
		case atelierv1.AuthorizationClass_AUTHORIZATION_CLASS_READ:
			if err != nil {
				t.Errorf("%s: %v", m.FullName(), err)
			}
		case atelierv1.AuthorizationClass_AUTHORIZATION_CLASS_ACT:
			if m.Name() != "OpenSession" && !fault.Is(err, "session_missing") {
				t.Errorf("%s: open without a session: %v", m.FullName(), err)
			}
		case atelierv1.AuthorizationClass_AUTHORIZATION_CLASS_OWNER:
			if !fault.Is(err, "owner_only") || admit(WithOwner(context.Background()), spec, "") != nil {
				t.Errorf("%s: %v", m.FullName(), err)
			}
		default:
			t.Errorf("%s names no class", m.FullName())
		}
	}
}

func TestMethodWithoutClassIsRefused(t *testing.T) {
	if err := admit(WithOwner(context.Background()), connect.Spec{Procedure: "/x/Y"}, "s"); !fault.Is(err, "class_missing") {
		t.Errorf("got %v", err)
	}
}
