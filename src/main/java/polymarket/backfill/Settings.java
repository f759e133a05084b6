package polymarket.backfill;

import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The settings of application.properties. Each can be overridden by the environment variable of the
 * same name (dots and dashes as underscores, upper case), also from the files .env and .env.local
 * beside the program, and that by {@code --set key=value}.
 */
public final class Settings {

  /** A value that is taken from the environment: ${NAME}. */
  private static final java.util.regex.Pattern VARIABLE =
      java.util.regex.Pattern.compile("\\$\\{([A-Z][A-Z0-9_]*)\\}");

  /** The settings that every job or source has, by its name. */
  private static final java.util.regex.Pattern OF_ADDED_FILES =
      java.util.regex.Pattern.compile("([a-z0-9-]+)\\.(batch-size|concurrency|url)");

  private final Path home;
  private final Map<String, String> values = new TreeMap<>();

  /** The variables that settings with ${NAME} as their value are taken from. */
  private final Map<String, String> taken = new TreeMap<>();

  /** The settings as they come with the program. */
  private final Map<String, String> defaults;

  private Settings(Path home, Map<String, String> defaults) {
    this.home = home;
    this.defaults = defaults;
    values.putAll(defaults);
  }

  /**
   * @param home the project's folder, which holds application.properties and routes/
   * @param ofProcess the environment's variables; they override those of .env and .env.local
   * @param overrides what {@code --set} gave
   * @throws UserError for a setting that does not exist or a file that cannot be read
   */
  public static Settings load(
      Path home, Map<String, String> ofProcess, Map<String, String> overrides) {
    Map<String, String> environment = EnvFiles.under(home, ofProcess);
    Settings settings = new Settings(home, defaults());
    Path file = home.resolve("application.properties");
    if (Files.exists(file)) {
      OwnProperties own = new OwnProperties();
      try (Reader in = Files.newBufferedReader(file)) {
        own.load(in);
      } catch (IOException | IllegalArgumentException e) {
        throw new UserError(
            "cannot read "
                + file
                + ": "
                + (e instanceof IOException io ? UserError.reason(io) : e.getMessage()));
      }
      own.refuseTwice(file);
      own.stringPropertyNames()
          .forEach(key -> settings.put(key, own.getProperty(key).trim(), file.toString()));
    }
    for (String key : settings.values.keySet()) {
      String value = environment.get(variable(key));
      if (value != null) {
        settings.values.put(key, value.trim());
      }
    }
    overrides.forEach((key, value) -> settings.put(key, value, "--set"));
    settings.values.replaceAll(
        (key, value) -> {
          java.util.regex.Matcher variable = VARIABLE.matcher(value);
          if (variable.matches()) {
            settings.taken.put(key, variable.group(1));
          }
          return variable.matches()
              ? environment.getOrDefault(variable.group(1), "").trim()
              : value;
        });
    Redaction.learn(settings.values, settings.defaults);
    return settings;
  }

  /** A file's settings, of which each may stand there once. */
  private static final class OwnProperties extends Properties {

    private String twice;

    @Override
    public synchronized Object put(Object key, Object value) {
      Object before = super.put(key, value);
      twice = before == null || twice != null ? twice : key.toString();
      return before;
    }

    private void refuseTwice(Path file) {
      if (twice == null) {
        return;
      }
      List<String> places = new ArrayList<>();
      int number = 0;
      for (String line : lines(file)) {
        number++;
        if (line.strip().matches("(?s)" + java.util.regex.Pattern.quote(twice) + "\\s*[=:\\s].*")) {
          places.add(String.valueOf(number));
        }
      }
      throw new UserError(
          file
              + (places.isEmpty() ? "" : ", lines " + String.join(" and ", places))
              + ": "
              + twice
              + " is set more than once; keep one line");
    }

    private static List<String> lines(Path file) {
      try {
        return Files.readAllLines(file);
      } catch (IOException e) {
        throw new UserError("cannot read " + file + ": " + UserError.reason(e));
      }
    }
  }

  private static Map<String, String> defaults() {
    Properties defaults = new Properties();
    try (InputStream in = Settings.class.getResourceAsStream("/defaults/application.properties")) {
      defaults.load(in);
    } catch (IOException e) {
      throw new IllegalStateException("the program was built without its default settings", e);
    }
    Map<String, String> values = new TreeMap<>();
    defaults
        .stringPropertyNames()
        .forEach(key -> values.put(key, defaults.getProperty(key).trim()));
    return values;
  }

  /** The environment variable that overrides a setting: clickhouse.url is CLICKHOUSE_URL. */
  public static String variable(String key) {
    return key.replace('.', '_').replace('-', '_').toUpperCase(Locale.ROOT);
  }

  /**
   * The variables that are most likely meant to override a setting and do not, because their names
   * differ in underscores or by one letter; one line each, without a value.
   *
   * @param ofProcess the environment's variables; those of .env and .env.local are looked at, too
   */
  public List<String> misspelt(Map<String, String> ofProcess) {
    Map<String, String> variables = new TreeMap<>();
    values.keySet().forEach(key -> variables.put(variable(key), key));
    List<String> lines = new ArrayList<>();
    for (String name : new TreeSet<>(EnvFiles.under(home, ofProcess).keySet())) {
      if (!variables.containsKey(name) && !taken.containsValue(name)) {
        variables.keySet().stream()
            .filter(variable -> isMisspelt(name, variable))
            .findFirst()
            .ifPresent(
                variable ->
                    lines.add(
                        "the environment variable "
                            + name
                            + " overrides no setting. Did you mean '"
                            + variable
                            + "'?"));
      }
    }
    return lines;
  }

  /**
   * Of a variable of two words, the first one has to be the same: SERVER_PORT and BLOB_URL are
   * others' variables.
   */
  private static boolean isMisspelt(String name, String variable) {
    String first = variable.replaceFirst("_.*", "_");
    return name.replace("_", "").equals(variable.replace("_", ""))
        || Math.abs(name.length() - variable.length()) <= 1
            && Nearest.edits(name, variable) == 1
            && (name.startsWith(first) || variable.indexOf('_', first.length()) > 0);
  }

  private void put(String key, String value, String where) {
    if (key.startsWith("camel.") && !values.containsKey(key) && !CamelSettings.isKnown(key)) {
      throw new UserError(
          "unknown setting '"
              + key
              + "' in "
              + where
              + ": Camel has none of this name."
              + Nearest.hint(key, CamelSettings.names()));
    }
    // the page checks its own schedules; and a job or a source that was added since the build has
    // its own settings
    if (!key.startsWith("camel.")
        && !key.startsWith("serve.schedule.")
        && !values.containsKey(key)
        && !isOfAnAddedFile(key)) {
      throw new UserError(
          "unknown setting '"
              + key
              + "' in "
              + where
              + "."
              + Nearest.hint(key, values.keySet())
              + " All settings are in application.properties.");
    }
    values.put(key, value);
  }

  private boolean isOfAnAddedFile(String key) {
    java.util.regex.Matcher setting = OF_ADDED_FILES.matcher(key);
    return setting.matches()
        && Files.exists(
            home.resolve(
                setting.group(2).equals("url")
                    ? "routes/sources/" + setting.group(1) + ".camel.yaml"
                    : "routes/jobs/" + setting.group(1) + ".job.yaml"));
  }

  /**
   * The environment variable that messages name: the one in a setting's value, or else the one that
   * overrides it.
   */
  public String source(String key) {
    return taken.getOrDefault(key, variable(key));
  }

  /** The same settings with one of them changed. */
  public Settings with(String key, String value) {
    Settings copy = new Settings(home, defaults);
    copy.values.putAll(values);
    copy.taken.putAll(taken);
    copy.put(key, value, "--set");
    Redaction.learn(Map.of(key, value), defaults);
    return copy;
  }

  /** The same settings with several of them changed. */
  public Settings with(Map<String, String> changed) {
    Settings copy = this;
    for (Map.Entry<String, String> setting : changed.entrySet()) {
      copy = copy.with(setting.getKey(), setting.getValue());
    }
    return copy;
  }

  /**
   * The settings of a program apart from what a person has: an engine and a runtime folder of its
   * own, no shared ledger, no cluster.
   */
  public static Map<String, String> apart(Path data, Path runtime) {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put("cluster.url", "");
    settings.put("clickhouse.cluster", "");
    settings.put("clickhouse.url", "");
    settings.put("clickhouse.data", data.toString());
    settings.put("clickhouse.port", "0");
    settings.put("runtime.dir", runtime.toString());
    return settings;
  }

  /** The project's folder. */
  public Path home() {
    return home;
  }

  /** Every setting by its name. */
  public Map<String, String> all() {
    return Map.copyOf(values);
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  /**
   * @throws UserError where there is no such setting
   */
  public String text(String key) {
    String value = values.get(key);
    if (value == null) {
      throw new UserError("no setting '" + key + "'." + Nearest.hint(key, values.keySet()));
    }
    return value;
  }

  /** A whole number of at least {@code least}. */
  public int number(String key, int least) {
    try {
      int value = Integer.parseInt(text(key).replace("_", ""));
      if (value >= least) {
        return value;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new UserError(
        "setting " + key + " is '" + text(key) + "'; it takes a whole number of at least " + least);
  }

  /** A TCP port; 0 for any that is free. */
  public int port(String key) {
    int port = number(key, 0);
    if (port > 65_535) {
      throw new UserError(
          "setting " + key + " is '" + text(key) + "'; it takes a port of 0 (any) to 65535");
    }
    return port;
  }

  /** A path; one that is not absolute begins at the project's folder. */
  public Path path(String key) {
    if (text(key).isBlank()) {
      throw new UserError("setting " + key + " is empty; it takes the path of a folder");
    }
    return home.resolve(text(key)).normalize();
  }

  /**
   * A URL with http or https and a host. It is not shown where it is none, because there may be a
   * key in it.
   */
  public URI url(String key) {
    return url(key, text(key));
  }

  /** The URLs of a setting that takes several, with commas or blanks between them. */
  public List<URI> urls(String key) {
    return Arrays.stream(text(key).strip().split("[\\s,]+")).map(one -> url(key, one)).toList();
  }

  private URI url(String key, String text) {
    try {
      URI url = URI.create(text);
      if (url.getHost() != null
          && ("http".equals(url.getScheme()) || "https".equals(url.getScheme()))) {
        return url;
      }
    } catch (IllegalArgumentException e) {
      // said below
    }
    throw new UserError(
        "setting "
            + key
            + " is "
            + (text.isEmpty() ? "not set" : "not a URL")
            + "; set "
            + source(key)
            + " in the environment to one such as https://host/path");
  }

  /** A duration such as 30m, 12s, 250ms, 7d. */
  public Duration duration(String key) {
    return duration(text(key), "setting " + key);
  }

  /**
   * @param text a whole number followed by ms, s, m, h or d
   * @param what names the value in the error
   */
  public static Duration duration(String text, String what) {
    java.util.regex.Matcher matcher =
        java.util.regex.Pattern.compile("(\\d{1,9})\\s*(ms|s|m|h|d)").matcher(text);
    if (!matcher.matches()) {
      throw new UserError(
          what + " is '" + text + "'; it takes a duration such as 250ms, 12s, 30m, 6h or 7d");
    }
    long n = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "ms" -> Duration.ofMillis(n);
      case "s" -> Duration.ofSeconds(n);
      case "m" -> Duration.ofMinutes(n);
      case "h" -> Duration.ofHours(n);
      default -> Duration.ofDays(n);
    };
  }
}
