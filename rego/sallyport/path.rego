# Which paths a capability allows, and which forms of a path: forms that origins read in two ways need the capability's choice.
package sallyport

allows_path(grant, _) if grant.paths.any

allows_path(grant, target) if grant.paths.exact[target.path]

# Patterns whose only wildcard is `**` at the end, which matches anything.
allows_path(grant, target) if {
	some prefix in grant.paths.prefixes
	startswith(target.path, prefix)
}

allows_path(grant, target) if {
	some pattern in grant.paths.globs
	matches(pattern, target)
}

matches(pattern, target) if {
	not has_form(target)
	glob.match(pattern, ["/"], target.path)
}

# `*` matches neither an encoded slash nor an empty segment: each is replaced by a delimiter that it cannot cross.
matches(pattern, target) if {
	has_form(target)
	glob.match(marked(pattern), ["/", "\u0001", "\u0002"], marked(target.path))
}

# Paths and patterns have no control characters. Done twice, since `///` has two empty segments that share a slash.
marked(path) := replace(replace(replace(path, "%2F", "\u0001"), "//", "/\u0002/"), "//", "/\u0002/")

has_form(target) if target.encodedSlash

has_form(target) if target.emptySegments

is_unchosen(grant, target) if {
	target.encodedSlash
	not grant.encodedSlash
}

is_unchosen(grant, target) if {
	target.emptySegments
	not grant.emptySegments
}

# No capability of the host or service has chosen the form: then a rule cannot allow it either, since a rule that does not
# know the form sees another path than the origin.
nowhere_chosen if {
	input.http.encodedSlash
	count([grant | some grant in on_host(input.http.host); grant.encodedSlash]) == 0
}

nowhere_chosen if {
	input.http.emptySegments
	count([grant | some grant in on_host(input.http.host); grant.emptySegments]) == 0
}

nowhere_chosen if {
	input.service.encodedSlash
	count([grant | some grant in manifest.services[input.service.name]; grant.encodedSlash]) == 0
}

nowhere_chosen if {
	input.service.emptySegments
	count([grant | some grant in manifest.services[input.service.name]; grant.emptySegments]) == 0
}
