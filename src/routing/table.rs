//! The route table: a trie over segments, so that a lookup costs what its path is long, not what the table is large.

use std::collections::HashMap;

use http::Method;

use super::hash::BuildFnv;
use super::methods::MethodSet;
use super::pattern::{MAX_CAPTURES, Pattern, Segment};

type Children = HashMap<Box<str>, usize, BuildFnv>;

/// Two routes that match the same requests, neither more specific than the other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{first} and {second} match the same requests; give them different methods, or make one more specific")]
pub struct Conflict {
    /// The pattern that came first.
    pub first: String,
    /// The pattern that came later.
    pub second: String,
    /// Where the first came in the list of routes.
    pub first_index: usize,
    /// Where the second came in the list of routes.
    pub second_index: usize,
}

#[derive(Debug)]
struct Route<T> {
    methods: MethodSet,
    captures: Box<[Box<str>]>,
    pattern: Pattern,
    value: T,
}

/// The routes that end at one place of the trie, with every method of theirs.
#[derive(Debug, Default)]
struct Leaf {
    routes: Vec<usize>,
    allow: MethodSet,
}

#[derive(Debug, Default)]
struct Node {
    literals: Children,
    alternatives: Children,
    capture: Option<usize>,
    end: Leaf,
    rest: Leaf,
}

/// Routes by path and method. The path decides first: of the patterns that match it, the most specific one decides alone, also
/// when it does not allow the method. A wider route can therefore never answer for a narrower one.
#[derive(Debug)]
pub struct RouteTable<T> {
    nodes: Vec<Node>,
    routes: Vec<Route<T>>,
}

/// What a table says about a request.
#[derive(Debug)]
pub enum Lookup<'t, 'p, T> {
    /// The route.
    Found {
        /// What the table holds for it.
        route: &'t T,
        /// What its captures caught.
        captures: Captures<'t, 'p>,
    },
    /// The path has routes, the method is none of theirs.
    MethodNotAllowed {
        /// Methods that would be answered.
        allow: MethodSet,
    },
    /// No route.
    NotFound,
}

/// What the captures of a pattern caught: canonical text, not decoded.
#[derive(Clone, Copy, Debug)]
pub struct Captures<'t, 'p> {
    names: &'t [Box<str>],
    values: [&'p str; MAX_CAPTURES],
}

impl<'p> Captures<'_, 'p> {
    /// What the capture `name` caught.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'p str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'p str)> {
        self.names.iter().map(|n| &**n).zip(self.values)
    }
}

impl<T> RouteTable<T> {
    /// Builds a table.
    ///
    /// # Errors
    /// When two routes match the same requests and neither is more specific.
    pub fn build(routes: impl IntoIterator<Item = (Pattern, MethodSet, T)>) -> Result<Self, Conflict> {
        let mut table = Self { nodes: vec![Node::default()], routes: Vec::new() };
        for (pattern, methods, value) in routes {
            let index = table.routes.len();
            let captures = pattern.captures().map(Box::from).collect();
            table.routes.push(Route { methods, captures, pattern, value });
            table.insert(index)?;
        }
        Ok(table)
    }

    fn insert(&mut self, index: usize) -> Result<(), Conflict> {
        let segments = self.routes[index].pattern.segments().to_vec();
        let mut ends = vec![0];
        for segment in &segments {
            if *segment == Segment::Rest {
                return ends.into_iter().try_for_each(|node| self.finish(index, node, true));
            }
            ends = ends.into_iter().flat_map(|node| self.descend(node, segment)).collect();
        }
        ends.into_iter().try_for_each(|node| self.finish(index, node, false))
    }

    /// The nodes below `node` that `segment` leads to, made where there were none.
    fn descend(&mut self, node: usize, segment: &Segment) -> Vec<usize> {
        let next = self.nodes.len();
        match segment {
            Segment::Literal(text) => {
                let child = *self.nodes[node].literals.entry(text.clone()).or_insert(next);
                self.nodes.resize_with(next.max(child + 1), Node::default);
                vec![child]
            }
            Segment::Alternatives(texts) => texts
                .iter()
                .map(|text| {
                    let next = self.nodes.len();
                    let child = *self.nodes[node].alternatives.entry(text.clone()).or_insert(next);
                    self.nodes.resize_with(next.max(child + 1), Node::default);
                    child
                })
                .collect(),
            Segment::Capture(_) => {
                let child = *self.nodes[node].capture.get_or_insert(next);
                self.nodes.resize_with(next.max(child + 1), Node::default);
                vec![child]
            }
            Segment::Rest => vec![node],
        }
    }

    fn finish(&mut self, index: usize, node: usize, rest: bool) -> Result<(), Conflict> {
        let methods = self.routes[index].methods;
        let leaf = if rest { &mut self.nodes[node].rest } else { &mut self.nodes[node].end };
        let clash = leaf.routes.iter().find(|other| self.routes[**other].methods.intersects(methods)).copied();
        if let Some(first_index) = clash {
            let text = |i: usize| self.routes[i].pattern.as_str().to_owned();
            return Err(Conflict { first: text(first_index), second: text(index), first_index, second_index: index });
        }
        leaf.routes.push(index);
        leaf.allow = leaf.allow.union(methods);
        Ok(())
    }

    /// Finds the route of a canonical `path`. An empty path, which is what is left of a mount's own path, counts as `/`.
    #[must_use]
    pub fn lookup<'p>(&self, path: &'p str, method: &Method) -> Lookup<'_, 'p, T> {
        let mut values = [""; MAX_CAPTURES];
        let Some(leaf) = self.search(0, Some(path.strip_prefix('/').unwrap_or(path)), &mut values, 0) else {
            return Lookup::NotFound;
        };
        let route = leaf.routes.iter().map(|i| &self.routes[*i]).find(|r| r.methods.contains(method));
        match route {
            Some(route) => Lookup::Found { route: &route.value, captures: Captures { names: &route.captures, values } },
            None => Lookup::MethodNotAllowed { allow: leaf.allow },
        }
    }

    /// The leaf of the most specific pattern that matches `path` (without its first slash, `None` when all is used up). At each
    /// node the narrowest way is tried first; a way that leads nowhere is left again, its depth bounded by the longest pattern.
    fn search<'p>(
        &self,
        node: usize,
        path: Option<&'p str>,
        values: &mut [&'p str; MAX_CAPTURES],
        caught: usize,
    ) -> Option<&Leaf> {
        let node = self.nodes.get(node)?;
        let Some(path) = path else {
            return node.end.found().or_else(|| node.rest.found());
        };
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        for children in [&node.literals, &node.alternatives] {
            if let Some(child) = children.get(segment)
                && let Some(leaf) = self.search(*child, rest, values, caught)
            {
                return Some(leaf);
            }
        }
        if let Some(child) = node.capture.filter(|_| !segment.is_empty())
            && let Some(leaf) = self.search(child, rest, values, caught + 1)
        {
            if let Some(value) = values.get_mut(caught) {
                *value = segment;
            }
            return Some(leaf);
        }
        node.rest.found()
    }

    /// The routes in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&Pattern, MethodSet, &T)> {
        self.routes.iter().map(|r| (&r.pattern, r.methods, &r.value))
    }
}

impl Leaf {
    fn found(&self) -> Option<&Self> {
        (!self.routes.is_empty()).then_some(self)
    }
}
