use std::io::Read;
fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let v: serde_json::Value = serde_json::from_str(&input).unwrap();
    let live = hotsplice_analysis::Outline::parse(v["live"].as_str().unwrap());
    let new = hotsplice_analysis::Outline::parse(v["new"].as_str().unwrap());
    let stale: Vec<String> = serde_json::from_value(v["stale"].clone()).unwrap_or_default();
    let p = hotsplice_analysis::diff(v["path"].as_str().unwrap(), v["version"].as_u64().unwrap(), &live, &new, &stale);
    println!("{}", serde_json::to_string(&p).unwrap());
}
