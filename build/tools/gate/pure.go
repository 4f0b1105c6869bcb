package main

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/packages"
)

// pure looks where no linter does: from event upwards on floors 0 and 1, nothing may start a goroutine, use
// a channel or range over a map, whose order differs from run to run.
// slices.Sorted(maps.Keys(m)) is how to walk one.
func pure(args []string) (string, []string, error) {
	h, err := readDrawing()
	if err != nil {
		return "", nil, err
	}
	var patterns []string
	for _, step := range h.order[1:] {
		for _, name := range step {
			patterns = append(patterns, module+"/backend/"+name+"/...")
		}
	}
	if len(args) > 0 {
		patterns = args
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes |
			packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps,
	}, patterns...)
	if err != nil {
		return "", nil, err
	}
	var wrong []string
	files := 0
	for _, p := range loaded {
		if len(p.GoFiles) == 0 {
			continue // in the drawing, not built yet
		}
		for _, e := range p.Errors {
			wrong = append(wrong, e.Error())
		}
		for _, file := range p.Syntax {
			files++
			wrong = append(wrong, impurities(p, file)...)
		}
	}
	return fmt.Sprintf("%d files from event to floor 1 read", files), wrong, nil
}

func impurities(p *packages.Package, file *ast.File) []string {
	var wrong []string
	found := func(n ast.Node, what string) {
		wrong = append(wrong, fmt.Sprintf("%s: %s", p.Fset.Position(n.Pos()), what))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found(n, "starts a goroutine")
		case *ast.SelectStmt, *ast.SendStmt:
			found(n, "uses a channel")
		case *ast.RangeStmt:
			if t := p.TypesInfo.TypeOf(n.X); t != nil && isMap(t) {
				found(n, "ranges over a map; walk slices.Sorted(maps.Keys(m))")
			}
		case *ast.SelectorExpr:
			if clock(p.TypesInfo.Uses[n.Sel]) {
				found(n, "reads the clock")
			}
		}
		return true
	})
	return wrong
}

func isMap(t types.Type) bool {
	_, is := t.Underlying().(*types.Map)
	return is
}

// clock tells whether what is used is a function of package time that looks at
// the time or waits; durations and dates are values and welcome.
func clock(used types.Object) bool {
	f, is := used.(*types.Func)
	if !is || f.Pkg() == nil || f.Pkg().Path() != "time" || f.Signature().Recv() != nil {
		return false
	}
	return strings.Contains(" Now Since Until Sleep After AfterFunc Tick NewTimer NewTicker ", " "+f.Name()+" ")
}
