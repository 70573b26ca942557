//! Error texts for names that do not exist, with the names that were probably meant.

/// `unknown command `lyers`; did you mean `layers`? known: help, test-all, ...`
pub(crate) fn unknown(kind: &str, given: &str, known: &[&str]) -> String {
    let near = near_misses(given, known);
    let all =
        if known.is_empty() { "there are none".to_owned() } else { format!("known: {}", known.join(", ")) };
    match near.as_slice() {
        [] => format!("unknown {kind} `{given}`; {all}"),
        near => {
            let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
            format!("unknown {kind} `{given}`; did you mean {}? {all}", near.join(" or "))
        }
    }
}

/// The names that a slip of a finger or an unfinished word would turn into `given`, best first.
fn near_misses<'a>(given: &str, known: &[&'a str]) -> Vec<&'a str> {
    let mut near: Vec<(usize, &str)> = known
        .iter()
        .map(|name| (distance(given, name), *name))
        .filter(|(distance, name)| {
            // A third of the letters may be wrong: below that the suggestion is a guess that only confuses.
            *distance <= name.len().div_ceil(3) || (given.len() >= 2 && name.contains(given))
        })
        .collect();
    near.sort();
    near.into_iter().map(|(_, name)| name).collect()
}

/// How many letters to insert, remove or replace to get from `a` to `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_textbook() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn a_slip_and_an_unfinished_word_find_their_name_and_nonsense_finds_none() {
        let known = ["help", "test-all", "layers", "tidy"];
        assert_eq!(near_misses("layer", &known), ["layers"]);
        assert_eq!(near_misses("test", &known), ["test-all"]);
        assert!(near_misses("quux", &known).is_empty());
        assert_eq!(unknown("step", "quux", &["a", "b"]), "unknown step `quux`; known: a, b");
    }
}
