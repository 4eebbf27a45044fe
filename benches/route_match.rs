//! Route look-ups in tables of 10, 1 000 and 10 000 routes: the time must not grow with the table.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::Method;
use tollgate::routing::{MethodSet, Pattern, RouteTable};

fn table(routes: usize) -> RouteTable<usize> {
    let get = MethodSet::parse(["GET"]).expect("a method");
    let pattern = |i: usize| Pattern::parse(&format!("/api/v{}/things/{{id}}/part{i}", i % 7)).expect("a pattern");
    RouteTable::build((0..routes).map(|i| (pattern(i), get, i))).expect("no two alike")
}

fn route_match(c: &mut Criterion) {
    let mut group = c.benchmark_group("route_match");
    for routes in [10, 1_000, 10_000] {
        let table = table(routes);
        let last = routes - 1;
        let path = format!("/api/v{}/things/4711/part{last}", last % 7);
        group.bench_with_input(BenchmarkId::from_parameter(routes), &path, |b, path| {
            b.iter(|| std::hint::black_box(table.lookup(std::hint::black_box(path), &Method::GET)));
        });
    }
    group.finish();
}

criterion_group!(benches, route_match);
criterion_main!(benches);
