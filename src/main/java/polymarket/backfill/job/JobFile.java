package polymarket.backfill.job;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import polymarket.backfill.Nearest;
import polymarket.backfill.UserError;
import polymarket.backfill.YamlFile;

/**
 * Reads a job's definition. Every mistake is reported in one line with the file and the line
 * number.
 */
final class JobFile {

  /** The forms of a field's value, each with its name in messages. */
  enum Form {
    TEXT("a text", String.class),
    WHOLE_NUMBER("a whole number of at least 0", int.class),
    TRUE_OR_FALSE("true or false", boolean.class),
    NUMBERS("a list of whole numbers of at least 0", "java.util.List<java.lang.Integer>"),
    TEXTS("a text or a list of texts", "java.util.List<java.lang.String>"),
    LISTS_OF_TEXTS(
        "a list of texts, or of lists of texts",
        "java.util.List<java.util.List<java.lang.String>>"),
    TEXT_BY_NAME("names, each with a text", "java.util.Map<java.lang.String, java.lang.String>"),
    TEXTS_BY_NAME(
        "names, each with a list of texts",
        "java.util.Map<java.lang.String, java.util.List<java.lang.String>>");

    private final String words;
    private final String type;

    Form(String words, Class<?> type) {
      this(words, type.getTypeName());
    }

    Form(String words, String type) {
      this.words = words;
      this.type = type;
    }

    /** The form's name in messages. */
    String words() {
      return words;
    }

    static Form of(Type type) {
      return Arrays.stream(values())
          .filter(form -> form.type.equals(type.getTypeName()))
          .findFirst()
          .orElseThrow(() -> new IllegalStateException("no form for " + type));
    }
  }

  private final YamlFile yaml;

  private JobFile(YamlFile yaml) {
    this.yaml = yaml;
  }

  /** The fields of a definition by their names, in the order in which they are documented. */
  static Map<String, Field> fields() {
    return Arrays.stream(Job.class.getDeclaredFields())
        .filter(field -> field.isAnnotationPresent(JobField.class))
        .collect(Collectors.toMap(Field::getName, field -> field, (a, b) -> a, LinkedHashMap::new));
  }

  /**
   * Fills a job from its file.
   *
   * @return the same job
   * @throws UserError if a field is unknown, has the wrong form, or is missing
   */
  static Job read(Path home, Path file, Job job) {
    return new JobFile(new YamlFile(home, file)).read(home, job);
  }

  private Job read(Path home, Job job) {
    Map<String, Field> fields = fields();
    Node root = yaml.root("the fields of docs/JOB-DEFINITION.md");
    Map<String, Node> given = yaml.mapping(root, "the definition", fields.keySet());
    fields.forEach(
        (name, field) -> {
          if (given.containsKey(name)) {
            set(job, field, given.get(name));
          } else if (field.getAnnotation(JobField.class).required()) {
            throw yaml.error(
                root,
                "there is no field "
                    + name
                    + ": "
                    + field.getAnnotation(JobField.class).title()
                    + ", such as `"
                    + name
                    + ": "
                    + field.getAnnotation(JobField.class).example()
                    + "`");
          }
        });
    Path sources = home.resolve("routes/sources");
    if (!Files.exists(sources.resolve(job.getSource() + ".camel.yaml"))) {
      throw yaml.error(
          given.get("source"),
          "there is no source '"
              + job.getSource()
              + "' in routes/sources."
              + Nearest.hint(job.getSource(), names(sources)));
    }
    return job;
  }

  private static List<String> names(Path sources) {
    try (Stream<Path> files = Files.list(sources)) {
      return files
          .filter(YamlFile::isEdited)
          .map(file -> file.getFileName().toString().replace(".camel.yaml", ""))
          .sorted()
          .toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  private void set(Job job, Field field, Node node) {
    Object value = value(field, Form.of(field.getGenericType()), node);
    List<String> choices = List.of(field.getAnnotation(JobField.class).choices());
    if (!choices.isEmpty() && !choices.contains(value)) {
      throw yaml.error(
          node,
          field.getName()
              + " is '"
              + value
              + "'."
              + Nearest.hint(String.valueOf(value), choices)
              + " It takes "
              + String.join(" or ", choices));
    }
    try {
      field.setAccessible(true);
      field.set(job, value);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }

  private Object value(Field field, Form form, Node node) {
    return switch (form) {
      case TEXT -> text(field, form, node).strip();
      case WHOLE_NUMBER -> number(field, form, node);
      case TRUE_OR_FALSE -> {
        String text = text(field, form, node);
        if (!text.equals("true") && !text.equals("false")) {
          throw mistake(field, form, node, text);
        }
        yield text.equals("true");
      }
      case NUMBERS ->
          list(field, form, node).stream().map(each -> number(field, form, each)).toList();
      case TEXTS -> texts(field, form, node);
      case LISTS_OF_TEXTS ->
          list(field, form, node).stream().map(each -> texts(field, form, each)).toList();
      case TEXT_BY_NAME -> {
        Map<String, String> values = new LinkedHashMap<>();
        yaml.mapping(node, field.getName(), null)
            .forEach((name, each) -> values.put(name, text(field, form, each)));
        yield values;
      }
      case TEXTS_BY_NAME -> {
        Map<String, List<String>> values = new LinkedHashMap<>();
        yaml.mapping(node, field.getName(), null)
            .forEach((name, each) -> values.put(name, texts(field, form, each)));
        yield values;
      }
    };
  }

  private List<Node> list(Field field, Form form, Node node) {
    if (node instanceof SequenceNode sequence) {
      return sequence.getValue();
    }
    throw mistake(field, form, node, node instanceof ScalarNode text ? text.getValue() : null);
  }

  /** A single text is a list of one. */
  private List<String> texts(Field field, Form form, Node node) {
    return node instanceof ScalarNode
        ? List.of(text(field, form, node))
        : list(field, form, node).stream().map(each -> text(field, form, each)).toList();
  }

  private String text(Field field, Form form, Node node) {
    if (node instanceof ScalarNode scalar && !scalar.getValue().isBlank()) {
      return scalar.getValue();
    }
    throw mistake(field, form, node, node instanceof ScalarNode ? "" : null);
  }

  private Integer number(Field field, Form form, Node node) {
    String text = text(field, form, node);
    if (!text.matches("\\d{1,9}")) {
      throw mistake(field, form, node, text);
    }
    return Integer.valueOf(text);
  }

  private UserError mistake(Field field, Form form, Node node, String was) {
    return yaml.error(
        node,
        field.getName()
            + (was == null ? " has the wrong form" : " is '" + was + "'")
            + "; it takes "
            + form.words()
            + ", such as "
            + field.getAnnotation(JobField.class).example());
  }
}
