package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
	"sallyport/rego/compiler/guarded"
	"sallyport/rego/compiler/values"
)

// decoders may answer what a policy's memory in the gateway cannot hold: text that is not UTF-8, or a number that JSON
// does not have. Of operands that are known now the answer is known now, too.
var decoders = map[string]bool{
	"base64.decode": true, "base64url.decode": true, "hex.decode": true, "json.unmarshal": true, "to_number": true,
	"urlquery.decode": true, "urlquery.decode_object": true, "yaml.unmarshal": true,
}

// unanswerable lists the calls that OPA answers and the gateway would deny for every request.
func unanswerable(modules map[string]*ast.Module) []Problem {
	var problems []Problem
	check := func(terms []*ast.Term) {
		if len(terms) == 0 || terms[0].Location == nil {
			return
		}
		if name := terms[0].String(); decoders[name] && isBeyondMemory(name, terms[1:]) {
			problems = append(problems, Problem{
				File: terms[0].Location.File, Row: terms[0].Location.Row, Column: terms[0].Location.Col, Code: "builtin",
				Message: fmt.Sprintf(
					"%s gives text that is not UTF-8 here, or a number that JSON cannot spell, which no policy in the gateway can hold: each request that comes here would be denied; compare the encoded text instead",
					name,
				),
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		ast.NewGenericVisitor(func(x any) bool {
			switch x := x.(type) {
			case *ast.Expr:
				if terms, ok := x.Terms.([]*ast.Term); ok {
					check(terms)
				}
			case ast.Call:
				check(x)
			}
			return false
		}).Walk(modules[name])
	}
	return problems
}

func isBeyondMemory(name string, operands []*ast.Term) bool {
	declared := ast.BuiltinMap[name]
	if declared == nil || len(operands) < declared.Decl.Arity() {
		return false
	}
	operands = operands[:declared.Decl.Arity()] // an output operand may follow
	for _, operand := range operands {
		if !ast.IsConstant(operand.Value) {
			return false
		}
	}
	results, err := guarded.Call(topdown.GetBuiltin(name), topdown.BuiltinContext{
		Context: context.Background(), Metrics: metrics.New(), Cancel: topdown.NewCancel(), Cache: builtins.Cache{},
		NDBuiltinCache: builtins.NDBCache{}, Capabilities: ast.CapabilitiesForThisVersion(),
	}, operands)
	if err != nil || len(results) == 0 {
		return false
	}
	return !utf8.Valid(values.Append(nil, results[len(results)-1].Value))
}
