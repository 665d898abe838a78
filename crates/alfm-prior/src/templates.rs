use alfm_core::ClassId;

/// The seven templates that together do nearly as well as CLIP's eighty.
///
/// Source: OpenAI, CLIP, notebook `Prompt_Engineering_for_ImageNet`: found by forward selection on ImageNet. The
/// wording, with its slips, is theirs; `itap` is "I took a picture".
pub const CLIP_TEMPLATES: [&str; 7] = [
    "itap of a {class}.",
    "a bad photo of the {class}.",
    "a origami {class}.",
    "a photo of the large {class}.",
    "a {class} in a video game.",
    "art of the {class}.",
    "a photo of the small {class}.",
];

/// Every template for every class, class by class, each with its class: `{class}` stands for the name, with spaces
/// for underscores. [`crate::ClassPrompts`] averages their embeddings.
///
/// ```
/// use alfm_prior::fill_templates;
/// let (classes, prompts) = fill_templates(&["a {class}.", "the {class}."], &["cat", "pine_tree"]);
/// assert_eq!(prompts, ["a cat.", "the cat.", "a pine tree.", "the pine tree."]);
/// assert_eq!(classes[2].index(), 1);
/// ```
pub fn fill_templates<T: AsRef<str>, N: AsRef<str>>(
    templates: &[T],
    names: &[N],
) -> (Vec<ClassId>, Vec<String>) {
    let of_class = |(class, name): (usize, &N)| {
        let name = name.as_ref().replace('_', " ");
        let fill = move |template: &T| {
            (ClassId::from_index(class), template.as_ref().replace("{class}", &name))
        };
        templates.iter().map(fill).collect::<Vec<_>>()
    };
    names.iter().enumerate().flat_map(of_class).unzip()
}
