package main

import (
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// reads gives every input path that the compiled modules can look at, shortest covering paths only.
//
// The value of input can enter an expression only through a term whose head is the variable `input`: a reference
// contributes its longest constant prefix (what a dynamic key could select is then included), the bare variable
// contributes the whole document. Code that is never called counts too. So nothing that the policy can see is left out.
func reads(compiler *ast.Compiler) [][]string {
	found := map[string][]string{}
	note := func(path []string) { found[strings.Join(path, "\x00")] = path }
	for _, module := range compiler.Modules {
		ast.NewGenericVisitor(func(node any) bool {
			switch node := node.(type) {
			case ast.Ref:
				if len(node) > 0 && node[0].Equal(ast.InputRootDocument) {
					note(constantPrefix(node))
					// Its other operands may hold references of their own.
					for _, operand := range node[1:] {
						ast.NewGenericVisitor(func(inner any) bool { return visitInput(inner, note) }).Walk(operand)
					}
					return true
				}
			case ast.Var:
				if node.Equal(ast.InputRootDocument.Value) {
					note([]string{})
				}
			}
			return false
		}).Walk(module)
	}
	return covering(found)
}

func visitInput(node any, note func([]string)) bool {
	switch node := node.(type) {
	case ast.Ref:
		if len(node) > 0 && node[0].Equal(ast.InputRootDocument) {
			note(constantPrefix(node))
		}
	case ast.Var:
		if node.Equal(ast.InputRootDocument.Value) {
			note([]string{})
		}
	}
	return false
}

func constantPrefix(ref ast.Ref) []string {
	path := []string{}
	for _, operand := range ref[1:] {
		key, ok := operand.Value.(ast.String)
		if !ok {
			break
		}
		path = append(path, string(key))
	}
	return path
}

func covering(found map[string][]string) [][]string {
	all := make([][]string, 0, len(found))
	for _, path := range found {
		all = append(all, path)
	}
	sort.Slice(all, func(i, j int) bool { return strings.Join(all[i], "\x00") < strings.Join(all[j], "\x00") })
	kept := [][]string{}
	for _, path := range all {
		if !coveredBy(kept, path) {
			kept = append(kept, path)
		}
	}
	return kept
}

func coveredBy(kept [][]string, path []string) bool {
	for _, shorter := range kept {
		if len(shorter) > len(path) {
			continue
		}
		same := true
		for i := range shorter {
			same = same && shorter[i] == path[i]
		}
		if same {
			return true
		}
	}
	return false
}
