package main

import (
	"bytes"
	"errors"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

// parse reads every source as a Rego v1 module, in the order of the file names.
func parse(request Request) (map[string]*ast.Module, *ast.Capabilities, []Problem) {
	capabilities := ast.CapabilitiesForThisVersion()
	if len(request.Capabilities) > 0 {
		loaded, err := ast.LoadCapabilitiesJSON(bytes.NewReader(request.Capabilities))
		if err != nil {
			return nil, nil, []Problem{{Code: "capabilities", Message: err.Error()}}
		}
		capabilities = loaded
	}
	modules := map[string]*ast.Module{}
	var problems []Problem
	for _, name := range sortedNames(request.Sources) {
		module, err := ast.ParseModuleWithOpts(name, request.Sources[name], ast.ParserOptions{
			RegoVersion: ast.RegoV1, ProcessAnnotation: true, Capabilities: capabilities,
		})
		if err != nil {
			problems = append(problems, explain(err)...)
			continue
		}
		modules[name] = module
	}
	return modules, capabilities, problems
}

// check tells whether the sources, tests included, compile and fit the schemas.
func check(request Request) Answer {
	_, _, references, problems := checkSources(request)
	return Answer{Problems: problems, References: references}
}

// checkSources resolves and type-checks, against the input's schema where there is one, and tells which base data is looked at.
func checkSources(request Request) (map[string]*ast.Module, *ast.Capabilities, []Reference, []Problem) {
	modules, capabilities, problems := parse(request)
	if len(problems) == 0 {
		problems = unanswerable(modules)
	}
	if len(problems) > 0 {
		return nil, nil, nil, problems
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities).WithStrict(true)
	if len(request.Schema) > 0 {
		var schema any
		if err := util.UnmarshalJSON(request.Schema, &schema); err != nil {
			return nil, nil, nil, []Problem{{Code: "schema", Message: err.Error()}}
		}
		set := ast.NewSchemaSet()
		set.Put(ast.SchemaRootRef, schema)
		set.Put(ast.InputRootRef, schema)
		compiler = compiler.WithSchemas(set).WithUseTypeCheckAnnotations(true)
	}
	compiler.Compile(modules)
	if compiler.Failed() {
		return nil, nil, nil, explain(compiler.Errors)
	}
	return modules, capabilities, dataReferences(compiler), nil
}

func explain(err error) []Problem {
	var several ast.Errors
	if errors.As(err, &several) {
		var problems []Problem
		for _, compileError := range several {
			problems = append(problems, problemOf(compileError))
		}
		return problems
	}
	var compileError *ast.Error
	if errors.As(err, &compileError) {
		return []Problem{problemOf(compileError)}
	}
	var evaluated *topdown.Error
	if errors.As(err, &evaluated) {
		return []Problem{problemOf(&ast.Error{Code: evaluated.Code, Message: evaluated.Message, Location: evaluated.Location})}
	}
	return []Problem{{Code: "error", Message: err.Error()}}
}

func problemOf(reported *ast.Error) Problem {
	problem := Problem{Code: reported.Code, Message: reported.Message + detailsOf(reported)}
	if reported.Location != nil {
		problem.File, problem.Row, problem.Column = reported.Location.File, reported.Location.Row, reported.Location.Col
	}
	return problem
}

// detailsOf tells what a type error found and what it expected, on the line of its message.
func detailsOf(reported *ast.Error) string {
	if reported.Details == nil || reported.Code != ast.TypeErr {
		return ""
	}
	var settings []string
	for _, line := range reported.Details.Lines() {
		what, value, found := strings.Cut(line, ":")
		if found && wanted[strings.TrimSpace(what)] {
			settings = append(settings, strings.TrimSpace(what)+": "+strings.TrimSpace(value))
		}
	}
	if len(settings) == 0 {
		return ""
	}
	return " (" + strings.Join(settings, ", ") + ")"
}

// wanted are the parts of OPA's details that say more than the message.
var wanted = map[string]bool{"left": true, "right": true, "have": true, "want": true, "want (one of)": true}

func sortedNames(sources map[string]string) []string {
	names := make([]string, 0, len(sources))
	for name := range sources {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
