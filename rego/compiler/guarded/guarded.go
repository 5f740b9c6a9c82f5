// Package guarded keeps a fault of OPA's own library to the call that meets it: net.cidr_merge, for one, panics on some blocks.
package guarded

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Call gives what the function gives; a panic in it is an error.
func Call(function topdown.BuiltinFunc, context topdown.BuiltinContext, operands []*ast.Term) (results []*ast.Term, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			results, err = nil, fmt.Errorf("failed within: %v", fault)
		}
	}()
	err = function(context, operands, func(term *ast.Term) error {
		results = append(results, term)
		return nil
	})
	return results, err
}

// All makes the interpreter call every function so.
func All() {
	for _, builtin := range ast.Builtins {
		function := topdown.GetBuiltin(builtin.Name)
		if function == nil || builtin.Relation {
			continue
		}
		topdown.RegisterBuiltinFunc(builtin.Name, func(context topdown.BuiltinContext, operands []*ast.Term, iter func(*ast.Term) error) error {
			results, err := Call(function, context, operands)
			if err != nil {
				return err
			}
			for _, result := range results {
				if err := iter(result); err != nil {
					return err
				}
			}
			return nil
		})
	}
}
