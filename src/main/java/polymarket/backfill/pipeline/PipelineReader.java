package polymarket.backfill.pipeline;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.YamlFile;
import polymarket.backfill.pipeline.Pipeline.IfShort;
import polymarket.backfill.pipeline.Pipeline.Step;

/** Reads a pipeline's file. A mistake in it is an error with its line, and what to do. */
final class PipelineReader {

  private static final Pattern PLACEHOLDER = Pattern.compile("\\{\\{([^{}]*)}}");
  private static final Pattern SECRET = Pattern.compile("url|key|secret|password|passphrase");
  private static final Pattern WORD = Pattern.compile("'([^']*)'|\"([^\"]*)\"|(\\S+)");
  private static final List<String> KEYS = List.of("title", "budget", "retries", "pause", "steps");
  private static final List<String> STEP_KEYS =
      List.of(
          "title",
          "command",
          "after",
          "takes",
          "most",
          "if-short",
          "if-failed",
          "retries",
          "pause",
          "requests",
          "requests-from",
          "needs",
          "report",
          "html");

  private final Settings settings;
  private final Path file;
  private final Function<List<String>, String> mistake;
  private final YamlFile yaml;

  PipelineReader(Settings settings, Path file, Function<List<String>, String> mistake) {
    this.settings = settings;
    this.file = file;
    this.mistake = mistake;
    this.yaml = new YamlFile(settings.home(), file);
  }

  Pipeline read(String name) {
    Node root = yaml.root("the keys " + String.join(", ", KEYS));
    Map<String, Node> top = yaml.mapping(root, "the file", KEYS);
    if (!top.containsKey("steps")) {
      throw yaml.error(
          root, "there are no steps; add them below the key steps, each with its name");
    }
    int retries = number(top.get("retries"), "retries", 0);
    Duration pause = duration(top.get("pause"), "pause", Duration.ofSeconds(30));
    Map<String, Step> steps = new LinkedHashMap<>();
    Map<String, Node> nodes = yaml.mapping(top.get("steps"), "steps", null);
    nodes.forEach(
        (step, node) -> {
          if (!step.matches("[a-z0-9][a-z0-9-]*")) {
            throw yaml.error(
                yaml.keyLine(node),
                "'"
                    + step
                    + "' is not a valid name of a step; it takes lower case letters, digits and"
                    + " dashes");
          }
        });
    nodes.forEach(
        (step, node) -> steps.put(step, step(step, node, nodes.keySet(), retries, pause)));
    if (steps.isEmpty()) {
      throw yaml.error(
          top.get("steps"), "there are no steps; add them below the key steps, each with its name");
    }
    Pipeline pipeline =
        new Pipeline(
            name,
            text(top.get("title"), "title", name),
            duration(top.get("budget"), "budget", Duration.ofHours(6)),
            steps,
            file);
    for (Step step : steps.values()) {
      if (reaches(steps, step.name(), step.name(), new LinkedHashSet<>())) {
        throw yaml.error(
            step.line(),
            "step "
                + step.name()
                + " depends on itself ("
                + String.join(", ", step.after())
                + "); remove one of these dependencies");
      }
    }
    return pipeline;
  }

  private static boolean reaches(
      Map<String, Step> steps, String from, String to, Set<String> seen) {
    return steps.get(from).after().stream()
        .anyMatch(
            before -> before.equals(to) || seen.add(before) && reaches(steps, before, to, seen));
  }

  private Step step(String name, Node node, Set<String> names, int retries, Duration pause) {
    Map<String, Node> keys = yaml.mapping(node, "step " + name, STEP_KEYS);
    if (!keys.containsKey("command")) {
      throw yaml.error(
          yaml.keyLine(node),
          "step " + name + " has no command; add one, such as `command: run payouts`");
    }
    String command = text(keys.get("command"), "command", "");
    List<String> words = words(keys.get("command"), command);
    String wrong = mistake.apply(words);
    if (wrong != null) {
      throw yaml.error(keys.get("command"), "command '" + command + "': " + wrong);
    }
    List<String> after = after(keys.get("after"), names);
    IfShort ifShort = ifShort(name, node, keys);
    long requests = number(keys.get("requests"), "requests", 0);
    if (requests > 0 && !keys.containsKey("requests-from")) {
      throw yaml.error(
          keys.get("requests"), "add the key requests-from with the origin of that number");
    }
    return new Step(
        name,
        text(keys.get("title"), "title", ""),
        shown(command),
        words,
        after,
        duration(keys.get("takes"), "takes", Duration.ZERO),
        keys.containsKey("most") ? duration(keys.get("most"), "most", null) : null,
        ifShort,
        choice(keys.get("if-failed"), "if-failed", List.of("stop", "go-on")).equals("go-on"),
        number(keys.get("retries"), "retries", retries),
        duration(keys.get("pause"), "pause", pause),
        requests,
        text(keys.get("requests-from"), "requests-from", ""),
        list(keys.get("needs")).stream()
            .flatMap(table -> words(keys.get("needs"), table).stream())
            .toList(),
        choice(keys.get("report"), "report", List.of("false", "true")).equals("true"),
        keys.containsKey("html")
            ? settings
                .home()
                .resolve(words(keys.get("html"), text(keys.get("html"), "html", "")).get(0))
            : null,
        yaml.keyLine(node));
  }

  /** The steps before one, all of which the file has. */
  private List<String> after(Node node, Set<String> names) {
    List<String> after = list(node);
    for (String before : after) {
      if (!names.contains(before)) {
        throw yaml.error(
            node,
            "there is no step '"
                + before
                + "' for the key after."
                + Nearest.hint(before, names)
                + " The steps are: "
                + String.join(", ", names));
      }
    }
    return after;
  }

  /** What happens to a step when time is short: only one with a duration can be left out. */
  private IfShort ifShort(String name, Node node, Map<String, Node> keys) {
    IfShort ifShort =
        IfShort.valueOf(
            choice(keys.get("if-short"), "if-short", List.of("run", "cut", "skip"))
                .toUpperCase(Locale.ROOT));
    if (ifShort != IfShort.RUN && !keys.containsKey("takes")) {
      throw yaml.error(
          yaml.keyLine(node),
          "step "
              + name
              + " may be "
              + (ifShort == IfShort.CUT ? "cut" : "skipped")
              + " when time is short, so it takes a key takes: how long it"
              + " is expected to take, such as 30m");
    }
    return ifShort;
  }

  private String shown(String command) {
    return PLACEHOLDER
        .matcher(command)
        .replaceAll(
            placeholder ->
                Matcher.quoteReplacement(
                    SECRET.matcher(placeholder.group(1)).find()
                        ? placeholder.group()
                        : settings.text(placeholder.group(1).strip())));
  }

  /** The words of a command; {{name}} in it is a setting's value. */
  private List<String> words(Node node, String command) {
    List<String> words = new ArrayList<>();
    Matcher word = WORD.matcher(command);
    while (word.find()) {
      String text =
          word.group(1) != null
              ? word.group(1)
              : word.group(2) != null ? word.group(2) : word.group(3);
      words.add(
          PLACEHOLDER
              .matcher(text)
              .replaceAll(
                  placeholder -> {
                    String key = placeholder.group(1).strip();
                    if (!settings.has(key)) {
                      throw yaml.error(
                          node,
                          "no setting '"
                              + key
                              + "'."
                              + Nearest.hint(key, settings.all().keySet())
                              + " All settings are in application.properties");
                    }
                    return Matcher.quoteReplacement(settings.text(key));
                  }));
    }
    if (words.isEmpty()) {
      throw yaml.error(node, "the command is empty; set one, such as `command: run payouts`");
    }
    return words;
  }

  private String text(Node node, String key, String otherwise) {
    if (node == null) {
      return otherwise;
    }
    if (node instanceof ScalarNode scalar && !scalar.getValue().isBlank()) {
      return scalar.getValue().strip();
    }
    throw yaml.error(node, key + " takes a text");
  }

  private List<String> list(Node node) {
    if (node == null) {
      return List.of();
    }
    if (node instanceof SequenceNode sequence) {
      return sequence.getValue().stream().map(entry -> text(entry, "after", "")).toList();
    }
    return Arrays.stream(text(node, "after", "").split(","))
        .map(String::strip)
        .filter(before -> !before.isEmpty())
        .toList();
  }

  private int number(Node node, String key, int otherwise) {
    String text = text(node, key, String.valueOf(otherwise)).replace("_", "").replace(",", "");
    if (!text.matches("\\d{1,9}")) {
      throw yaml.error(node, key + " is '" + text + "'; it takes a whole number of at least 0");
    }
    return Integer.parseInt(text);
  }

  private Duration duration(Node node, String key, Duration otherwise) {
    if (node == null) {
      return otherwise;
    }
    try {
      return Settings.duration(text(node, key, ""), key);
    } catch (UserError e) {
      throw yaml.error(node, e.getMessage());
    }
  }

  private String choice(Node node, String key, List<String> choices) {
    String text = text(node, key, choices.get(0));
    if (!choices.contains(text)) {
      throw yaml.error(
          node,
          key
              + " is '"
              + text
              + "'."
              + Nearest.hint(text, choices)
              + " It takes "
              + String.join(" or ", choices));
    }
    return text;
  }
}
