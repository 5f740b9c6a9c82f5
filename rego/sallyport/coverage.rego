# Whether anything covers a request: a separate entry point, evaluated before any external call of the rules.
package sallyport

import data.sallyport.rules

# Why nothing covers the request; undefined where a capability of the manifest, or an author's rule, allows it.
uncovered := sort(lacking) if {
	not capability
	not allowed_by_rules
}

allowed_by_rules if {
	known
	count(rules.allow) > 0
	not nowhere_chosen
}
