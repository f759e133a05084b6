package polymarket.backfill.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import polymarket.backfill.Self;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/**
 * A {@code run} as its command line posts it to {@code serve}.
 *
 * @param words the command line, from {@code run} on
 * @param names its jobs
 * @param folder where it was typed: relative paths begin there
 * @param overrides the settings that its options set
 * @param signed each setting that it would run with, as its signature: the values themselves may be
 *     secrets, and the service has them or does not take the run
 * @param width of the terminal that shows its progress, in characters; 0 without a terminal
 * @param terminalOutput whether its results are shown on a terminal
 */
record PostedCommand(
    List<String> words,
    List<String> names,
    String folder,
    Map<String, String> overrides,
    Map<String, String> signed,
    int width,
    boolean terminalOutput) {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Stands for Java's options among the settings. */
  private static final String JAVA = "BACKFILL_JAVA_OPTIONS";

  /**
   * @throws UserError if it is not a posted command
   */
  static PostedCommand read(String request) {
    try {
      PostedCommand command = JSON.readValue(request, PostedCommand.class);
      if (command == null
          || Stream.of(
                  command.words, command.names, command.folder, command.overrides, command.signed)
              .anyMatch(Objects::isNull)
          || command.words.isEmpty()
          || !command.words.get(0).equals("run")
          || !Files.isDirectory(Path.of(command.folder))) {
        throw new UserError("only a run can be posted");
      }
      return command;
    } catch (JsonProcessingException e) {
      throw new UserError("only a run can be posted, as a JSON object");
    }
  }

  String json() {
    try {
      // as it is, without redaction: it goes to the same program
      return JSON.writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The signature of each setting of a run; those of the page itself do not matter. */
  static Map<String, String> signed(Settings settings, String key) {
    Map<String, String> values = new TreeMap<>(settings.all());
    values.keySet().removeIf(name -> name.startsWith("serve."));
    values.put(JAVA, String.join(" ", Self.options()));
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
      values.replaceAll(
          (name, value) ->
              HexFormat.of()
                  .formatHex(mac.doFinal((name + "=" + value).getBytes(StandardCharsets.UTF_8))));
      return values;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Checks that a process of the service would run with the settings of the command line.
   *
   * @param sets the service's own --set
   * @param key what the settings are signed with; empty where no run can be posted
   * @throws UserError if it would not
   */
  void check(Map<String, String> sets, String key) {
    if (key.isEmpty()) {
      throw new UserError("this page belongs to another run");
    }
    Map<String, String> all = new TreeMap<>(sets);
    all.putAll(overrides);
    Map<String, String> own = signed(Settings.load(Common.home(), System.getenv(), all), key);
    List<String> others =
        Stream.concat(own.keySet().stream(), signed.keySet().stream())
            .distinct()
            .filter(name -> !Objects.equals(own.get(name), signed.get(name)))
            .sorted()
            .toList();
    if (!others.isEmpty()) {
      throw new UserError("the service has other settings: " + String.join(", ", others));
    }
  }

  /**
   * Starts it as a process of this one.
   *
   * @param sets the service's own --set, before those of the command line
   */
  Started start(List<String> sets, PostedRun.Output output) {
    // the command line lays out for its terminal, whose width this process does not know
    List<String> options =
        new ArrayList<>(
            List.of("-Dbackfill.terminal.output=" + terminalOutput, "-Dbackfill.layout=false"));
    if (width > 0) {
      options.add("-Dbackfill.progress=" + output.progress());
      options.add("-Dbackfill.progress.width=" + width);
    }
    List<String> line = new ArrayList<>(List.of("run"));
    line.addAll(sets);
    line.addAll(words.subList(1, words.size()));
    try {
      Files.deleteIfExists(output.progress());
    } catch (IOException e) {
      throw UserError.unwritable(output.progress(), e);
    }
    return Started.start(line, Path.of(folder), output.err(), output.out(), options);
  }
}
