package main

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// reformat gives every source in OPA's one format.
func reformat(request Request) Answer {
	answer := Answer{Formatted: map[string]string{}}
	for _, name := range sortedNames(request.Sources) {
		text, err := format.SourceWithOpts(name, []byte(request.Sources[name]), format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			answer.Problems = append(answer.Problems, explain(err)...)
			continue
		}
		answer.Formatted[name] = string(text)
	}
	return answer
}
