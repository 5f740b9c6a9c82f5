# Which paths a capability allows, and which forms of a path: forms that origins read in two ways need the capability's choice.
package sallyport

allows_path(one, _) if one.paths.any

allows_path(one, target) if one.paths.exact[target.path]

# Patterns whose only wildcard is `**` at the end, which matches anything.
allows_path(one, target) if {
	some prefix in one.paths.prefixes
	startswith(target.path, prefix)
}

allows_path(one, target) if {
	some pattern in one.paths.globs
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

is_unchosen(one, target) if {
	target.encodedSlash
	not one.encodedSlash
}

is_unchosen(one, target) if {
	target.emptySegments
	not one.emptySegments
}

# No capability of the host or service has chosen the form: then a rule cannot allow it either, since a rule that does not
# know the form sees another path than the origin.
nowhere_chosen if {
	input.http.encodedSlash
	count([one | some one in on_host(input.http.host); one.encodedSlash]) == 0
}

nowhere_chosen if {
	input.http.emptySegments
	count([one | some one in on_host(input.http.host); one.emptySegments]) == 0
}

nowhere_chosen if {
	input.service.encodedSlash
	count([one | some one in manifest.services[input.service.name]; one.encodedSlash]) == 0
}

nowhere_chosen if {
	input.service.emptySegments
	count([one | some one in manifest.services[input.service.name]; one.emptySegments]) == 0
}
