package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Reference is a place of the sources that looks at base data: neither a rule nor a package has its path.
type Reference struct {
	Path   []string `json:"path"` // below data, down to the first key that is computed
	File   string   `json:"file"`
	Row    int      `json:"row"`
	Column int      `json:"column"`
}

// dataReferences lists each path once per line. compiler has compiled the modules, so that aliases are resolved.
func dataReferences(compiler *ast.Compiler) []Reference {
	found := []Reference{}
	known := map[string]bool{}
	visitor := ast.NewGenericVisitor(nil)
	walk := func(x any) bool {
		switch x := x.(type) {
		case *ast.With: // what it replaces is not read
			visitor.Walk(x.Value)
			return true
		case *ast.Term:
			ref, ok := x.Value.(ast.Ref)
			if !ok || !ref.HasPrefix(ast.DefaultRootRef) || x.Location == nil {
				return false
			}
			path := constantPath(ref)
			reference := Reference{path, x.Location.File, x.Location.Row, x.Location.Col}
			key := fmt.Sprintf("%s:%d:%s", reference.File, reference.Row, strings.Join(path, "\x00"))
			if len(path) > 0 && !known[key] && isBase(compiler.RuleTree, path) {
				known[key] = true
				found = append(found, reference)
			}
		}
		return false
	}
	*visitor = *ast.NewGenericVisitor(walk)
	for _, name := range slices.Sorted(maps.Keys(compiler.Modules)) {
		for _, rule := range compiler.Modules[name].Rules {
			visitor.Walk(rule)
		}
	}
	return found
}

func constantPath(ref ast.Ref) []string {
	path := []string{}
	for _, term := range ref[1:] {
		key, ok := term.Value.(ast.String)
		if !ok {
			break
		}
		path = append(path, string(key))
	}
	return path
}

// isBase: neither a rule, nor a package or the way to one.
func isBase(node *ast.TreeNode, path []string) bool {
	node = node.Child(ast.DefaultRootDocument.Value)
	for _, key := range path {
		if node == nil {
			return true
		}
		if len(node.Values) > 0 {
			return false
		}
		node = node.Child(ast.String(key))
	}
	return node == nil
}
